/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to the spawner: it must survive a daemon that somebody else has taken over. */
#include <stdlib.h>
#include <string.h>

#include "common/spawner_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *message = malloc(size > 0 ? size : 1); /* its end is the end of the memory */
	struct spawner_start_head head;
	struct child_options options;
	const char **texts;

	if (size > 0)
		memcpy(message, data, size);
	if (spawner_start_read(message, size, &head, &options, &texts)) {
		size_t count = strlen(options.path) + (options.folder != NULL ? strlen(options.folder) : 0), len;
		const char *const *const LISTS[] = {options.argv, options.environment, options.readable,
		                                    options.writable};
		for (size_t i = 0; i < sizeof(LISTS) / sizeof(LISTS[0]); i++)
			for (const char *const *at = LISTS[i]; *at != NULL; at++)
				count += strlen(*at);
		if (count > size)
			abort();
		free(spawner_start_write(head.id, &options, &len));
	}
	free(texts);
	free(message);
	return 0;
}
