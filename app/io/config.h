/* Places of files: XDG directories, or everything under $SEQLAB_HOME.  architecture section
 * 5. */
#ifndef APP_IO_CONFIG_H
#define APP_IO_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

enum place_kind { PLACE_CONFIG, PLACE_DATA, PLACE_STATE, PLACE_CACHE };
/* "…/seqlab/NAME"; false when there is no home directory.  make: the folder is made (0700)
 * when missing; that it cannot be made is no error here: writing there will say so. */
bool config_path(enum place_kind kind, const char *name, bool make, char *buf, size_t size);

#endif
