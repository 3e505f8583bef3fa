//! Lessons on addresses and pages.

use super::super::lesson::Written;

pub(super) const LAZY_PAGES: Written = Written {
    claim: "lazy-pages",
    // strace leaves ru_minflt out unless it is told to leave nothing out.
    options: &["-v"],
    steps: &[
        (
            "mmap",
            "NULL, 4194304 … MAP_POPULATE",
            "MAP_POPULATE: this one call fetches a frame for \
            each of the 1024 pages.",
        ),
        (
            "mmap",
            "NULL, 4194304",
            "mmap gives the addresses of 1024 pages; smaps finds nothing \
            resident behind them.",
        ),
        (
            "madvise",
            "MADV_NOHUGEPAGE",
            "Base pages only: with a huge page one fault would serve \
            512 of them.",
        ),
        (
            "getrusage",
            "",
            "ru_minflt is the number of minor faults so far.",
        ),
        (
            "getrusage",
            "",
            "Since then each page was READ. No system call shows; the difference is \
            what it cost in faults.",
        ),
        ("getrusage", "", "The count before each page is WRITTEN."),
        (
            "getrusage",
            "",
            "And after: in the experiment a fault fetched each frame, in the control \
            they were there.",
        ),
        (
            "getrusage",
            "",
            "The count before each page is written AGAIN.",
        ),
        (
            "getrusage",
            "",
            "And after: no fault, now the frames are there in both.",
        ),
        (
            "getrusage",
            "",
            "A last count shows that this kernel counts faults at all.",
        ),
        (
            "munmap",
            ", 4194304",
            "The addresses go back, and the frames with them.",
        ),
    ],
};

pub(super) const ADDRESSES_FRAGMENT: Written = Written {
    claim: "address-space-fragments",
    options: &[],
    steps: &[
        (
            "mmap",
            "PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE",
            "Addresses are reserved: an arena of 1 GiB, and then all others in smaller and smaller \
            pieces. Later it is tried how much fits.",
        ),
        (
            "mmap",
            "PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE … ENOMEM",
            "Refused: no free range is so long.",
        ),
    ],
};

pub(super) const SEGMENT_LIMIT: Written = Written {
    claim: "segment-limit",
    options: &[],
    steps: &[
        (
            "mprotect",
            "PROT_NONE",
            "The pages behind the data are forbidden. In the control nothing else ends the reads.",
        ),
        (
            "modify_ldt",
            "limit=0x0003e7 … contents=0 … seg_not_present=0",
            "A segment of 1000 bytes: the limit, 999, is the last offset that belongs to it.",
        ),
        (
            "modify_ldt",
            "limit=0x0003e7 … contents=0 … seg_not_present=0",
            "The same limit, and a base that is moved on by 256.",
        ),
        (
            "modify_ldt",
            "limit=0x0007cf",
            "The limit is raised to 1999: 2000 bytes.",
        ),
        (
            "modify_ldt",
            "limit=0x0003e7 … contents=1",
            "Upside down: the offsets beyond the limit belong to it now.",
        ),
        (
            "modify_ldt",
            "limit=0x0003e7 … seg_not_present=1",
            "Not present: no offset may be read.",
        ),
    ],
};
