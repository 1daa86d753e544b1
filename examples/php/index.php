<?php
// SPDX-License-Identifier: Apache-2.0
// Adds what the query or the form gives it and answers as JSON.
header('Content-Type: application/json');
$numbers = array_map('floatval', (array) ($_REQUEST['n'] ?? []));
echo json_encode([
    'php' => PHP_MAJOR_VERSION,
    'sapi' => PHP_SAPI,
    'method' => $_SERVER['REQUEST_METHOD'],
    'sum' => array_sum($numbers),
]), "\n";
