/* SPDX-License-Identifier: Apache-2.0 */
/* `check --against RUNNING`: what would be otherwise than in the catalogue that a server has written (catalogue_file),
 * or than in the files of another configuration. */
#include "mcp/verbs/check_against.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mcp/catalogue/catalogue_picture.h"

/* NULL: it is no picture, but perhaps a configuration. */
static json_t *read_picture(FILE *file)
{
	int first = fgetc(file);

	while (first == ' ' || first == '\n')
		first = fgetc(file);
	if (first != '{')
		return NULL;
	rewind(file);
	return json_loadf(file, JSON_REJECT_DUPLICATES, NULL);
}

static json_t *picture_of_configuration(h2o_mem_pool_t *pool, const char *path, const char **error)
{
	struct mcp_settings settings;
	struct catalogue *catalogue = NULL;

	if (settings_load(pool, path, false, &settings, error))
		catalogue = catalogue_load(pool, &settings, error);
	if (catalogue == NULL)
		return NULL;
	json_t *picture = catalogue_picture(catalogue);
	h2o_mem_release_shared(catalogue);
	return picture;
}

static json_t *read_running(h2o_mem_pool_t *pool, const char *path, const char **error)
{
	FILE *file = fopen(path, "re");

	if (file == NULL) {
		*error = text_printf(pool, "%s: %s", path, strerror(errno));
		return NULL;
	}
	json_t *picture = read_picture(file);
	fclose(file);
	return picture != NULL ? picture : picture_of_configuration(pool, path, error);
}

bool check_against(h2o_mem_pool_t *pool, const struct catalogue *catalogue, const char *path, const char **error)
{
	json_t *running = json_keep(pool, read_running(pool, path, error));

	if (running == NULL)
		return false;
	if (!json_is_object(json_object_get(running, "items"))) {
		*error = text_printf(pool, "%s: is no catalogue", path);
		return false;
	}
	json_t *here = json_keep(pool, catalogue_picture(catalogue));
	struct catalogue_difference difference = catalogue_compare(pool, running, here);
	for (size_t i = 0; i < difference.count; i++)
		printf("%s\n", difference.lines[i]);
	if (difference.count == 0)
		printf("no difference to %s\n", path);
	if (difference.widens)
		*error = text_printf(pool, "somebody may be able to do more than by %s", path);
	return !difference.widens;
}
