/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/settings/settings_parts.h"

const struct settings_part *const SETTINGS_PARTS[] = {&SETTINGS_COMMANDS,
                                                      &SETTINGS_DATABASE,
                                                      &SETTINGS_GUARDRAILS,
                                                      &SETTINGS_TIERS,
                                                      &SETTINGS_ISSUERS,
                                                      &SETTINGS_LIMITS,
                                                      &SETTINGS_OUTBOUND,
                                                      &SETTINGS_ROOTS,
                                                      &SETTINGS_RULES,
                                                      &SETTINGS_UPSTREAMS,
                                                      &SETTINGS_ALERTS,
                                                      NULL};
