<?php
// SPDX-License-Identifier: Apache-2.0
header('Content-Type: application/json');
echo json_encode(['first' => $_GET['first'] ?? 'Kiel', 'then' => ltrim($_SERVER['PATH_INFO'], '/')]), "\n";
