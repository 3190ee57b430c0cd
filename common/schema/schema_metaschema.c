/* SPDX-License-Identifier: Apache-2.0 */
/* The documents of https://json-schema.org/draft/2020-12/schema: what the standard says of its own keywords, so that a
 * schema can say of a value that it must be a schema. Comments and titles are left out. */
#include "schema_internal.h"

#include <string.h>

#define BASE "https://json-schema.org/draft/2020-12/"
#define HEAD(name)                                                                                                     \
	"{\"$schema\":\"" BASE "schema\",\"$id\":\"" BASE "meta/" name "\","                                           \
	"\"$vocabulary\":{\"" BASE "vocab/" name "\":true},\"$dynamicAnchor\":\"meta\","                               \
	"\"type\":[\"object\",\"boolean\"],"
#define ANY_SCHEMA "{\"$dynamicRef\":\"#meta\"}"
#define SCHEMA_MAP "{\"type\":\"object\",\"additionalProperties\":" ANY_SCHEMA "}"
#define TEXT "{\"type\":\"string\"}"

static const struct {
	const char *uri, *text;
} DOCUMENTS[] = {
    {BASE "schema",
     "{\"$schema\":\"" BASE "schema\",\"$id\":\"" BASE "schema\",\"$vocabulary\":{"
     "\"" BASE "vocab/core\":true,\"" BASE "vocab/applicator\":true,\"" BASE "vocab/unevaluated\":true,"
     "\"" BASE "vocab/validation\":true,\"" BASE "vocab/meta-data\":true,"
     "\"" BASE "vocab/format-annotation\":true,\"" BASE "vocab/content\":true},"
     "\"$dynamicAnchor\":\"meta\",\"allOf\":["
     "{\"$ref\":\"meta/core\"},{\"$ref\":\"meta/applicator\"},{\"$ref\":\"meta/unevaluated\"},"
     "{\"$ref\":\"meta/validation\"},{\"$ref\":\"meta/meta-data\"},{\"$ref\":\"meta/format-annotation\"},"
     "{\"$ref\":\"meta/content\"}],\"type\":[\"object\",\"boolean\"],\"properties\":{"
     "\"definitions\":" SCHEMA_MAP ",\"dependencies\":{\"type\":\"object\",\"additionalProperties\":"
     "{\"anyOf\":[" ANY_SCHEMA ",{\"$ref\":\"meta/validation#/$defs/stringArray\"}]}},"
     "\"$recursiveAnchor\":{\"$ref\":\"meta/core#/$defs/anchorString\"},"
     "\"$recursiveRef\":{\"$ref\":\"meta/core#/$defs/uriReferenceString\"}}}"},
    {BASE "meta/core",
     HEAD("core") "\"properties\":{"
                  "\"$id\":{\"$ref\":\"#/$defs/uriReferenceString\",\"pattern\":\"^[^#]*#?$\"},"
                  "\"$schema\":{\"$ref\":\"#/$defs/uriString\"},\"$ref\":{\"$ref\":\"#/$defs/uriReferenceString\"},"
                  "\"$anchor\":{\"$ref\":\"#/$defs/anchorString\"},"
                  "\"$dynamicRef\":{\"$ref\":\"#/$defs/uriReferenceString\"},"
                  "\"$dynamicAnchor\":{\"$ref\":\"#/$defs/anchorString\"},"
                  "\"$vocabulary\":{\"type\":\"object\",\"propertyNames\":{\"$ref\":\"#/$defs/uriString\"},"
                  "\"additionalProperties\":{\"type\":\"boolean\"}},"
                  "\"$comment\":" TEXT ",\"$defs\":" SCHEMA_MAP "},\"$defs\":{"
                  "\"anchorString\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z_][-A-Za-z0-9._]*$\"},"
                  "\"uriString\":{\"type\":\"string\",\"format\":\"uri\"},"
                  "\"uriReferenceString\":{\"type\":\"string\",\"format\":\"uri-reference\"}}}"},
    {BASE "meta/applicator",
     HEAD("applicator") "\"properties\":{"
                        "\"prefixItems\":{\"$ref\":\"#/$defs/schemaArray\"},\"items\":" ANY_SCHEMA
                        ",\"contains\":" ANY_SCHEMA ","
                        "\"additionalProperties\":" ANY_SCHEMA ",\"properties\":" SCHEMA_MAP ","
                        "\"patternProperties\":{\"type\":\"object\",\"additionalProperties\":" ANY_SCHEMA ","
                        "\"propertyNames\":{\"format\":\"regex\"}},"
                        "\"dependentSchemas\":" SCHEMA_MAP ",\"propertyNames\":" ANY_SCHEMA ",\"if\":" ANY_SCHEMA ","
                        "\"then\":" ANY_SCHEMA ",\"else\":" ANY_SCHEMA ",\"allOf\":{\"$ref\":\"#/$defs/schemaArray\"},"
                        "\"anyOf\":{\"$ref\":\"#/$defs/schemaArray\"},\"oneOf\":{\"$ref\":\"#/$defs/schemaArray\"},"
                        "\"not\":" ANY_SCHEMA "},\"$defs\":{\"schemaArray\":{\"type\":\"array\",\"minItems\":1,"
                        "\"items\":" ANY_SCHEMA "}}}"},
    {BASE "meta/unevaluated", HEAD("unevaluated") "\"properties\":{\"unevaluatedItems\":" ANY_SCHEMA ","
                                                  "\"unevaluatedProperties\":" ANY_SCHEMA "}}"},
    {BASE "meta/validation",
     HEAD("validation") "\"properties\":{"
                        "\"type\":{\"anyOf\":[{\"$ref\":\"#/$defs/simpleTypes\"},{\"type\":\"array\","
                        "\"items\":{\"$ref\":\"#/$defs/simpleTypes\"},\"minItems\":1,\"uniqueItems\":true}]},"
                        "\"const\":true,\"enum\":{\"type\":\"array\",\"items\":true},"
                        "\"multipleOf\":{\"type\":\"number\",\"exclusiveMinimum\":0},\"maximum\":{\"type\":\"number\"},"
                        "\"exclusiveMaximum\":{\"type\":\"number\"},\"minimum\":{\"type\":\"number\"},"
                        "\"exclusiveMinimum\":{\"type\":\"number\"},\"maxLength\":{\"$ref\":\"#/$defs/"
                        "nonNegativeInteger\"},"
                        "\"minLength\":{\"$ref\":\"#/$defs/nonNegativeInteger\"},"
                        "\"pattern\":{\"type\":\"string\",\"format\":\"regex\"},"
                        "\"maxItems\":{\"$ref\":\"#/$defs/nonNegativeInteger\"},"
                        "\"minItems\":{\"$ref\":\"#/$defs/nonNegativeInteger\"},\"uniqueItems\":{\"type\":\"boolean\"},"
                        "\"maxContains\":{\"$ref\":\"#/$defs/nonNegativeInteger\"},"
                        "\"minContains\":{\"$ref\":\"#/$defs/nonNegativeInteger\"},"
                        "\"maxProperties\":{\"$ref\":\"#/$defs/nonNegativeInteger\"},"
                        "\"minProperties\":{\"$ref\":\"#/$defs/nonNegativeInteger\"},"
                        "\"required\":{\"$ref\":\"#/$defs/stringArray\"},\"dependentRequired\":{\"type\":\"object\","
                        "\"additionalProperties\":{\"$ref\":\"#/$defs/stringArray\"}}},\"$defs\":{"
                        "\"nonNegativeInteger\":{\"type\":\"integer\",\"minimum\":0},"
                        "\"nonNegativeIntegerDefault0\":{\"$ref\":\"#/$defs/nonNegativeInteger\",\"default\":0},"
                        "\"simpleTypes\":{\"enum\":[\"array\",\"boolean\",\"integer\",\"null\",\"number\",\"object\","
                        "\"string\"]},"
                        "\"stringArray\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"uniqueItems\":true,"
                        "\"default\":[]}}}"},
    {BASE "meta/meta-data",
     HEAD("meta-data") "\"properties\":{\"title\":" TEXT ",\"description\":" TEXT ",\"default\":true,"
                       "\"deprecated\":{\"type\":\"boolean\"},\"readOnly\":{\"type\":\"boolean\"},"
                       "\"writeOnly\":{\"type\":\"boolean\"},\"examples\":{\"type\":\"array\",\"items\":true}}}"},
    {BASE "meta/format-annotation", HEAD("format-annotation") "\"properties\":{\"format\":" TEXT "}}"},
    {BASE "meta/format-assertion", HEAD("format-assertion") "\"properties\":{\"format\":" TEXT "}}"},
    {BASE "meta/content", HEAD("content") "\"properties\":{\"contentEncoding\":" TEXT ",\"contentMediaType\":" TEXT ","
                                          "\"contentSchema\":" ANY_SCHEMA "}}"},
};

const char *schema_standard_document(const char *uri)
{
	for (size_t i = 0; i < sizeof(DOCUMENTS) / sizeof(DOCUMENTS[0]); i++) {
		if (strcmp(DOCUMENTS[i].uri, uri) == 0)
			return DOCUMENTS[i].text;
	}
	return NULL;
}
