<?php
// SPDX-License-Identifier: Apache-2.0
// Adds what the query or the form gives it.
header('Content-Type: text/plain');
echo array_sum(array_map('floatval', (array) ($_REQUEST['n'] ?? []))), "\n";
