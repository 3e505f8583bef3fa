/* Fragments its heap, says what mallinfo2 and malloc itself know of it, and waits. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BLOCKS = 20000 };
static void *block[BLOCKS];

int main(void)
{
    /* What is freed and what stays differ in size, so that taking one for the other shows. */
    for (int i = 0; i < BLOCKS; i++)
        if (!(block[i] = malloc(i % 2 ? 1300 : 700)))
            return 1;
    for (int i = 0; i < BLOCKS; i += 2)
        free(block[i]);
    struct mallinfo2 info = mallinfo2();

    /* The largest request that does not make the heap grow, nor has a mapping of its own. */
    struct rlimit limit = {4096, 4096};
    if (setrlimit(RLIMIT_DATA, &limit) || !mallopt(M_MMAP_MAX, 0))
        return 1;
    size_t fits = 0, fails = info.fordblks + 1;
    while (fails - fits > 1) {
        size_t size = fits + (fails - fits) / 2;
        void *volatile served = malloc(size);
        free(served);
        if (served)
            fits = size;
        else
            fails = size;
    }
    dprintf(1, "%zu %zu %zu\n", info.ordblks, info.fordblks, fits);
    for (;;)
        pause();
}
