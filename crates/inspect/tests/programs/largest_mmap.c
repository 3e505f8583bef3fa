/* For i386, without a C library: finds the largest mmap that succeeds, says so, and waits.
 * Build: gcc -m32 -O1 -ffreestanding -fno-stack-protector -fno-pic -no-pie -nostdlib -static */

enum { WRITE = 4, PAUSE = 29, MMAP = 90, MUNMAP = 91 }; /* asm/unistd_32.h */
enum { PRIVATE_ANONYMOUS_NORESERVE = 0x4022 };

static long call(long number, long a, long b, long c)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

void _start(void)
{
    unsigned long fits = 0, fails = 0x100000; /* in pages */
    while (fails - fits > 1) {
        unsigned long pages = fits + (fails - fits) / 2;
        unsigned long six[] = {0, pages << 12, 0, PRIVATE_ANONYMOUS_NORESERVE, -1ul, 0};
        unsigned long at = call(MMAP, (long)six, 0, 0);
        if (at > -4096ul) {
            fails = pages;
        } else {
            call(MUNMAP, at, pages << 12, 0);
            fits = pages;
        }
    }
    fits <<= 12;
    call(WRITE, 1, (long)&fits, sizeof fits);
    for (;;)
        call(PAUSE, 0, 0, 0);
}
