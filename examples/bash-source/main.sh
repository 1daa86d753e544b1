#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Answers the members of a JSON object as lines.
jq -r 'to_entries[] | "\(.key): \(.value)"'
