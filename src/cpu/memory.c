#define _DEFAULT_SOURCE /* madvise */
#include "memory.h"

#include <stdlib.h>
#if defined __linux__
#include <sys/mman.h>
#endif

enum { PAGE = 4096, LARGE = 4 << 20 };

/* Fresh pages are faulted in one by one, which takes longer than filling them: of much memory large ones are asked for. */
void *libloss__scratch(int64_t bytes)
{
    char *memory = malloc((size_t)bytes);
#if defined __linux__ && defined MADV_HUGEPAGE
    if (memory && bytes >= LARGE) {
        const size_t before = (size_t)(-(uintptr_t)memory % PAGE);
        (void)madvise(memory + before, ((size_t)bytes - before) / PAGE * PAGE, MADV_HUGEPAGE); /* or as ever */
    }
#endif
    return memory;
}
