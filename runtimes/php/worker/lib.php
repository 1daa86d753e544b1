<?php
// SPDX-License-Identifier: Apache-2.0
// The PHP runtime of Shallop (docs/protocol.md, "Writing a runtime"). These functions are loaded before the first request and for all of them
// (opcache.preload); what specialize said is in a file, because each request begins with nothing else in memory.
namespace Shallop;

final class Fixed
{
    const SPECIALIZE = '/.shallop/specialize';
    const STATE = '/tmp/.shallop-state.php';
    const PROCESSES = '/tmp/.shallop-processes';
    const KEPT = '/tmp/.fpm-kept';
    const MOST_KEPT = 62;
    const REFUSED = '/tmp/.shallop-refused';
    const NOTHING = __DIR__ . '/nothing.php';
    const ENTRIES = ['index.php', 'main.php', 'app.php', 'handler.php', 'function.php', 'public/index.php'];
    const FIRST_PAGES = ['index.php', 'main.php', 'public/index.php'];
    const HANDLERS = ['handler', 'handle'];
    const PLAIN = 'text/plain; charset=utf-8';
    const FAILED = "the function has failed; its log says why\n";
    const ANSWER_KEYS = ['status', 'statusCode', 'headers', 'multiValueHeaders', 'body', 'base64', 'isBase64Encoded', 'cookies'];
    const FRAMING = ['content-length', 'transfer-encoding']; // said by the runtime, whatever a handler says
    const TEXT_TYPE = '#^(text/|application/(x-www-form-urlencoded|xml|javascript|yaml)$)#';
    const TYPES = ['html' => 'text/html', 'css' => 'text/css', 'js' => 'text/javascript', 'json' => 'application/json', 'svg' => 'image/svg+xml',
        'png' => 'image/png', 'jpg' => 'image/jpeg', 'jpeg' => 'image/jpeg', 'gif' => 'image/gif', 'webp' => 'image/webp', 'ico' => 'image/x-icon',
        'txt' => 'text/plain', 'xml' => 'text/xml', 'pdf' => 'application/pdf', 'woff2' => 'font/woff2', 'wasm' => 'application/wasm'];
}

require __DIR__ . '/handler.php';
require __DIR__ . '/files.php';

final class LoadError extends \Exception
{
    public function __construct(string $sentence, public string $detail = '')
    {
        parent::__construct($sentence);
    }
}

/** The file to include for this request. */
function prepare(): string
{
    if (!is_file(Fixed::STATE)) {
        before();
        return Fixed::NOTHING;
    }
    $state = include Fixed::STATE;
    apply_environment($state['env']);
    chdir($state['root']);
    apply_forwarded();
    if ($state['kind'] === 'handler') {
        serve_handler($state);
        return Fixed::NOTHING;
    }
    return $state['kind'] === 'files' ? file_of_path($state) : script($state['root'], $state['entry'], '/' . $state['entry'], path());
}

function path(): string
{
    return rawurldecode(explode('?', $_SERVER['REQUEST_URI'], 2)[0]);
}

function answer(int $status, string $type, string $body): void
{
    http_response_code($status);
    header('Content-Type: ' . $type);
    header('Content-Length: ' . strlen($body));
    echo $body;
}

function answer_json(int $status, array $value): void
{
    answer($status, 'application/json', json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE));
}

function before(): void
{
    if ($_SERVER['REQUEST_METHOD'] !== 'POST' || $_SERVER['REQUEST_URI'] !== Fixed::SPECIALIZE) {
        answer(503, Fixed::PLAIN, is_file(Fixed::REFUSED) ? file_get_contents(Fixed::REFUSED) : "this container has no code yet\n");
        return;
    }
    try {
        $said = json_decode(file_get_contents('php://input'), true, 64, JSON_THROW_ON_ERROR);
        $state = load($said);
        keep_processes((int) ($said['concurrency'] ?? 1));
        file_put_contents(Fixed::STATE . '.new', '<?php return ' . var_export($state, true) . ';');
        touch(Fixed::STATE . '.new', time() - 60); // what is seconds old is not kept compiled
        rename(Fixed::STATE . '.new', Fixed::STATE);
        answer_json(200, ['kind' => $state['kind'], 'handler' => $state['handler']]);
    } catch (LoadError $error) {
        refuse($error->getMessage(), $error->detail);
    } catch (\Throwable $error) {
        refuse($error::class . ': ' . $error->getMessage(), (string) $error);
    }
}

/** Where there are several events at once: has `run` start a process for each, and two for scripts whose callers have gone. */
function keep_processes(int $concurrency): void
{
    if ($concurrency < 2) {
        return;
    }
    file_put_contents(Fixed::PROCESSES, min($concurrency, Fixed::MOST_KEPT) + 2);
    posix_kill((int) getenv('SHALLOP_RUN'), 10); // SIGUSR1
    for ($waited = 0; !file_exists(Fixed::KEPT) && $waited < 10000; $waited++) {
        usleep(2000);
        clearstatcache();
    }
}

function refuse(string $sentence, string $detail): void
{
    log_text($detail === '' ? $sentence : $detail);
    file_put_contents(Fixed::REFUSED, "the code could not be loaded: $sentence\n");
    answer_json(422, ['error' => $sentence, 'detail' => $detail]);
}

function log_text(string $text): void
{
    if ($text !== '') {
        file_put_contents('php://stderr', rtrim($text, "\n") . "\n");
    }
}

/** What the requests need to know, as a value that is written as PHP. */
function load(array $said): array
{
    if (($said['protocol'] ?? null) !== 1) {
        throw new LoadError('this runtime speaks protocol 1, not ' . json_encode($said['protocol'] ?? null));
    }
    $root = realpath($said['code'] ?? '/code');
    chdir($root);
    $env = array_map('strval', $said['env'] ?? []);
    apply_environment($env);
    $state = ['root' => $root, 'env' => $env, 'function' => $said['function'] ?? '', 'version' => (string) ($said['version'] ?? '')];
    $name = array_slice(explode(':', $said['handler'] ?? ''), -1)[0];
    $entry = choose($root, $said['entry'] ?? '');
    if ($entry === null) {
        return $state + ['kind' => 'files', 'handler' => '', 'entry' => '', 'public' => document_root($root)];
    }
    check($root, $entry);
    $found = $name === 'script' ? null : handler_in(php_strip_whitespace("$root/$entry"), $name);
    if ($name !== '' && $name !== 'script' && $found === null) {
        throw new LoadError("$entry: has no '$name', which the handler names");
    }
    if ($found !== null) {
        try_handler($root, $entry, $found);
        return $state + ['kind' => 'handler', 'handler' => "$entry:$found", 'entry' => $entry, 'name' => $found];
    }
    // The first page of a site gets the paths that no other script has.
    return $state + ['kind' => in_array($entry, Fixed::FIRST_PAGES, true) ? 'files' : 'script', 'handler' => $entry, 'entry' => $entry, 'public' => document_root($root)];
}

/** The file to load; null where there is none, and each path has its own. */
function choose(string $root, string $entry): ?string
{
    if ($entry !== '') {
        $full = realpath("$root/$entry");
        if ($full === false || !is_file($full) || !str_starts_with($full, "$root/")) {
            throw new LoadError("$entry: there is no such file in the function's code");
        }
        return $entry;
    }
    foreach (Fixed::ENTRIES as $name) {
        if (is_file("$root/$name")) {
            return $name;
        }
    }
    $all = glob("$root/*.php");
    if (count($all) === 1) {
        return basename($all[0]);
    }
    if ($all === []) {
        throw new LoadError('there is no index.php, main.php or other .php file; name the file to load as `entry`');
    }
    return null;
}

function check(string $root, string $entry): void
{
    try {
        token_get_all(file_get_contents("$root/$entry"), TOKEN_PARSE);
    } catch (\ParseError $error) {
        throw new LoadError("$entry, line {$error->getLine()}: ParseError: {$error->getMessage()}", (string) $error);
    }
}

function handler_in(string $source, string $name): ?string
{
    foreach ($name === '' ? Fixed::HANDLERS : [$name] as $wanted) {
        if (preg_match('/\bfunction\s+&?' . preg_quote($wanted, '/') . '\s*\(/i', $source)) {
            return $wanted;
        }
    }
    return null;
}

/** Includes the file of a handler once, to see what it would say at the first call. */
function try_handler(string $root, string $entry, string $name): void
{
    $done = false;
    ob_start();
    register_shutdown_function(function () use (&$done, $root, $entry) {
        if ($done) {
            return;
        }
        $error = error_get_last();
        log_text((string) ob_get_clean());
        $sentence = $error === null ? "$entry: the code ended itself while it was loaded (exit)"
            : place($root, $entry, $error['file'], $error['line']) . ': ' . strtok(preg_replace(['/^Uncaught /', '/ \(include_path=.*/'], '', $error['message']), "\n");
        refuse($sentence, $error['message'] ?? '');
    });
    try {
        include_alone("$root/$entry");
        if (!function_exists($name)) {
            throw new LoadError("$entry: has no '$name'");
        }
    } catch (LoadError $error) {
        throw $error;
    } catch (\Throwable $error) {
        throw new LoadError(place($root, $entry, $error->getFile(), $error->getLine()) . ': ' . $error::class . ': '
            . preg_replace('/ \(include_path=.*/', '', $error->getMessage()), (string) $error);
    } finally {
        $done = true;
        log_text((string) ob_get_clean());
    }
}

function include_alone(string $file): void
{
    include $file;
}

function place(string $root, string $entry, string $file, int $line): string
{
    return str_starts_with($file, "$root/") ? substr($file, strlen($root) + 1) . ", line $line" : $entry;
}

function apply_environment(array $env): void
{
    foreach ($env as $name => $value) {
        putenv("$name=$value");
        $_ENV[$name] = $_SERVER[$name] = $value;
    }
}

function apply_forwarded(): void
{
    $_SERVER['REMOTE_ADDR'] = trim(array_slice(explode(',', $_SERVER['HTTP_X_FORWARDED_FOR'] ?? '127.0.0.1'), -1)[0]);
    $scheme = $_SERVER['REQUEST_SCHEME'] = $_SERVER['HTTP_X_FORWARDED_PROTO'] ?? 'http';
    if ($scheme === 'https') {
        $_SERVER['HTTPS'] = 'on';
    }
    preg_match('/:(\d+)$/', $_SERVER['HTTP_HOST'] ?? '', $port);
    $_SERVER['SERVER_PORT'] = $port[1] ?? ($scheme === 'https' ? '443' : '80');
    unset($_SERVER['HTTP_PROXY']);
}
