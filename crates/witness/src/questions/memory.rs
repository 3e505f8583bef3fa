//! Segments and pages, and both kinds of fragmentation.

use runner::Question;

pub const QUESTIONS: [Question; 6] = [
    Question {
        claim: "segment-limit",
        quantity: "first offset that faults in 1000 bytes of memory",
        situation: "A hardware segment of 1000 bytes lies in memory whose pages have 4096 bytes. \
                    Its bytes are read one after the other: offset 0, 1, 2, and so on.",
        picture: r"
segment  |----- 1000 bytes -----|
page     |--------------- 4096 bytes ---------------|
",
        asks: "Which is the first offset whose read faults?",
        yes: None,
        hint: "With pages alone the reads go on to the end of the page. Does the limit of a \
               segment lie at the end of a page?",
        call: Some("modify_ldt"),
        textbook: "\"Protection ends where a page ends.\" That is paging. The limit of a segment \
                   is checked for every byte: no byte is given that was not asked for.",
    },
    Question {
        claim: "segments-fragment-externally",
        quantity: "arenas of six in which 16 KiB fail with 256 KiB free",
        situation: "Memory of 512 KiB is full of segments of 8 KiB. Every second one is freed: \
                    256 KiB are free. Then one segment of 16 KiB is asked for. This is done six \
                    times, with first, next, best, worst and segregated fit and a buddy system.",
        picture: r"
|used|free|used|free|used|free| ... |used|free|
  8K   8K   8K   8K   8K   8K
",
        asks: "In how many of the six arenas does the request fail?",
        yes: None,
        hint: "How long is the longest free piece?",
        call: Some("mmap"),
        textbook: "\"Choose the right policy.\" No policy puts 16 KiB into a hole of 8 KiB: this \
                   is external fragmentation. Pages cure it, as the control shows: any free frame \
                   will do.",
    },
    Question {
        claim: "address-space-fragments",
        quantity: "what mmap of 1 MiB and one page ends in",
        situation: "A process has pages, and plenty of memory. Of its addresses 512 MiB are free, \
                    in 512 holes of 1 MiB each. It asks mmap for 1 MiB and one page.",
        picture: r"
|1M free|1M taken|1M free| ... |1M free|1M taken|
wanted:  |1 MiB + 1 page|
",
        asks: "Does the mmap succeed?",
        yes: Some("success"),
        hint: "Frames need not lie side by side. And addresses?",
        call: Some("munmap"),
        textbook: "\"Paging solves external fragmentation.\" For frames. The addresses of one \
                   request must still lie side by side, so an address space can fragment.",
    },
    Question {
        claim: "page-rounds-up",
        quantity: "pages resident for 256 objects of one byte",
        situation: "A program asks mmap for one byte, 256 times, and writes each byte.",
        picture: r"
|x|-------------- wasted --------------|  1 page
|x|-------------- wasted --------------|  1 page ?
...
",
        asks: "How many pages of memory do the 256 bytes take?",
        yes: None,
        hint: "What is the smallest piece of memory that mmap can give?",
        call: Some("mmap"),
        textbook: "\"Internal fragmentation wastes half a page.\" On average, for objects much \
                   larger than a page. One byte in a page of 4096 wastes 4095.",
    },
    Question {
        claim: "lazy-pages",
        quantity: "pages resident after mmap",
        situation: "A program asks mmap for 1024 pages, and mmap succeeds. Nothing is read or \
                    written yet.",
        picture: r"
p = mmap(NULL, 1024 pages, ...)   succeeds
memory in use:  ? pages
",
        asks: "How many of the pages are in memory now?",
        yes: None,
        hint: "mmap gives addresses. Who gives frames, and when?",
        call: Some("mmap"),
        textbook: "\"Memory is allocated when it is asked for.\" Addresses are. Each page gets \
                   its frame later, in a page fault, when it is used for the first time.",
    },
    Question {
        claim: "copy-on-write",
        quantity: "pages that the child has to itself before writing",
        situation: "A process has written 1024 pages of its memory. It forks. The child has not \
                    written anything yet.",
        picture: r"
parent  page 1 ... page 1024
           |           |
child   page 1 ... page 1024    copies or the same?
",
        asks: "How many of these pages does the child have to itself?",
        yes: None,
        hint: "Copying takes time, and most children call exec at once.",
        call: Some("clone"),
        textbook: "\"fork copies the memory of the parent.\" It copies the page table. A frame is \
                   copied when one of the two writes to it, page by page.",
    },
];
