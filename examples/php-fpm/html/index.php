<?php
// SPDX-License-Identifier: Apache-2.0
// The front controller: gets every path that names no script.
header('Content-Type: text/plain');
echo $_SERVER['REQUEST_METHOD'], ' ', $_SERVER['PATH_INFO'], "\n";
