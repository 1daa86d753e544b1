<?php
// SPDX-License-Identifier: Apache-2.0
// A script for each path, as PHP has always had it.
namespace Shallop;

/** Where the paths begin: `public` if there is one, and only there are files given out that are no scripts. */
function document_root(string $root): string
{
    return is_dir("$root/public") ? 'public' : '';
}

/** The file to include for the path of this request: the script of that name, of a part of it, of its folder, or at last the first one of all. */
function file_of_path(array $state): string
{
    $root = $state['public'] === '' ? $state['root'] : "{$state['root']}/{$state['public']}";
    $path = path();
    if (str_contains($path, "\0") || preg_match('#(^|/)\.#', $path)) {
        answer(404, Fixed::PLAIN, "there is no such page\n");
        return Fixed::NOTHING;
    }
    if ($state['public'] !== '' && !str_ends_with($path, '.php') && is_file($root . $path)) {
        return give_out($root . $path);
    }
    for ($name = rtrim($path, '/'); ; $name = substr($name, 0, (int) strrpos($name, '/'))) {
        foreach ([$name, "$name.php", "$name/index.php"] as $candidate) {
            if (str_ends_with($candidate, '.php') && is_file($root . $candidate)) {
                $rest = substr($path, strlen($name));
                $folder = $rest === '/' && str_ends_with($candidate, '/index.php');
                return script($root, ltrim($candidate, '/'), $candidate, $folder ? '' : $rest);
            }
        }
        if ($name === '') {
            break;
        }
    }
    if ($state['entry'] !== '') {
        return script($state['root'], $state['entry'], '/' . $state['entry'], $path);
    }
    answer(404, Fixed::PLAIN, "there is no such page\n");
    return Fixed::NOTHING;
}

/** Sets what a script finds out about itself, and returns its file. */
function script(string $root, string $file, string $name, string $info): string
{
    $_SERVER['SCRIPT_FILENAME'] = "$root/$file";
    $_SERVER['DOCUMENT_ROOT'] = $root;
    $_SERVER['SCRIPT_NAME'] = rtrim($_SERVER['HTTP_X_FORWARDED_PREFIX'] ?? '', '/') . $name;
    $_SERVER['PATH_INFO'] = $info;
    $_SERVER['PHP_SELF'] = $_SERVER['SCRIPT_NAME'] . $info;
    chdir(dirname("$root/$file"));
    return "$root/$file";
}

function give_out(string $file): string
{
    header('Content-Type: ' . (Fixed::TYPES[strtolower(pathinfo($file, PATHINFO_EXTENSION))] ?? 'application/octet-stream'));
    header('Content-Length: ' . filesize($file));
    readfile($file);
    return Fixed::NOTHING;
}
