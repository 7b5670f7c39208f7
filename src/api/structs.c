/*
 * The rule of Linux's clone3: sizes are compared, an unknown tail must be zeros.
 */
#include "structs.h"

#include <string.h>

static libloss_status check_size(libloss__sink sink, const char *name, size_t size, size_t first)
{
    if (size >= first && size <= 65536) return LIBLOSS_OK;
    return libloss__fail(sink, LIBLOSS_ERR_STRUCT, "%s.struct_size = %d is not sizeof(%s)", name, (int64_t)size, name);
}

libloss_status libloss__take_struct(libloss__sink sink, const char *name, void *ours, size_t known, const void *theirs, size_t first)
{
    size_t size;
    if (!theirs) return libloss__fail(sink, LIBLOSS_ERR_NULL, "%s is NULL", name);
    memcpy(&size, theirs, sizeof size);
    libloss_status status = check_size(sink, name, size, first);
    if (status != LIBLOSS_OK) return status;
    for (size_t i = known; i < size; i++)
        if (((const char *)theirs)[i] != 0)
            return libloss__fail(sink, LIBLOSS_ERR_STRUCT, "%s.struct_size = %d, and this version does not know byte %d of it", name,
                                 (int64_t)size, (int64_t)i);
    memset(ours, 0, known);
    memcpy(ours, theirs, size < known ? size : known);
    memcpy(ours, &known, sizeof known);
    return LIBLOSS_OK;
}

libloss_status libloss__give_struct(libloss__sink sink, const char *name, void *theirs, const void *ours, size_t known, size_t first)
{
    size_t size;
    if (!theirs) return libloss__fail(sink, LIBLOSS_ERR_NULL, "%s is NULL", name);
    memcpy(&size, theirs, sizeof size);
    libloss_status status = check_size(sink, name, size, first);
    if (status != LIBLOSS_OK) return status;
    size_t both = size < known ? size : known;
    memcpy((char *)theirs + sizeof size, (const char *)ours + sizeof size, both - sizeof size);
    memset((char *)theirs + both, 0, size - both);
    return LIBLOSS_OK;
}
