<?php
// SPDX-License-Identifier: Apache-2.0
// Handler functions: handler($event) or handler($event, $context).
namespace Shallop;

function serve_handler(array $state): void
{
    // What the code prints belongs to the log, also when it ends itself.
    ob_start();
    $done = false;
    register_shutdown_function(function () use (&$done) {
        if (!$done) {
            log_text((string) ob_get_clean());
            answer(500, Fixed::PLAIN, Fixed::FAILED);
        }
    });
    try {
        [$event, $problem] = event();
        if ($problem === null) {
            include_alone("{$state['root']}/{$state['entry']}");
            $context = ['function_name' => $state['function'], 'function_version' => $state['version'], 'invocation_id' => $event['id'],
                'aws_request_id' => $event['id']];
            $result = $state['name']($event, $context);
        }
        $done = true;
        log_text((string) ob_get_clean());
        $problem === null ? send($result) : answer(400, Fixed::PLAIN, "$problem\n");
    } catch (\Throwable $error) {
        $done = true;
        log_text((string) ob_get_clean());
        log_text((string) $error);
        answer(500, Fixed::PLAIN, Fixed::FAILED);
    }
}

/** [event, what is wrong with the body or null] */
function event(): array
{
    $headers = [];
    foreach ($_SERVER as $name => $value) {
        if (str_starts_with($name, 'HTTP_')) {
            $headers[strtolower(strtr(substr($name, 5), '_', '-'))] = $value;
        }
    }
    foreach (['CONTENT_TYPE', 'CONTENT_LENGTH'] as $name) {
        if (($_SERVER[$name] ?? '') !== '') {
            $headers[strtolower(strtr($name, '_', '-'))] = $_SERVER[$name];
        }
    }
    [$body, $encoded, $problem] = decoded(file_get_contents('php://input'), strtolower($headers['content-type'] ?? ''));
    parse_str($_SERVER['QUERY_STRING'] ?? '', $query);
    return [['method' => $_SERVER['REQUEST_METHOD'], 'path' => path(), 'query' => $query, 'headers' => $headers, 'body' => $body,
        'base64' => $encoded, 'id' => $headers['x-shallop-invocation-id'] ?? ''], $problem];
}

function decoded(string $data, string $type): array
{
    $kind = trim(explode(';', $type)[0]);
    if ($kind === 'application/json' || str_ends_with($kind, '+json')) {
        $value = $data === '' ? null : json_decode($data, true);
        return [$value, false, $data !== '' && json_last_error() !== JSON_ERROR_NONE ? 'the body is not JSON: ' . json_last_error_msg() : null];
    }
    if (($kind === '' || preg_match(Fixed::TEXT_TYPE, $kind)) && preg_match('//u', $data)) {
        return [$data, false, null];
    }
    return [base64_encode($data), true, null];
}

function send(mixed $result): void
{
    if ($result === null) {
        http_response_code(204);
        return;
    }
    if (!is_array($result) || !says_how($result)) {
        [$type, $body] = encoded($result);
        answer(200, $type, $body);
        return;
    }
    $type = null;
    $body = '';
    if (isset($result['body'])) {
        [$type, $body] = encoded($result['body']);
        if ($result['base64'] ?? $result['isBase64Encoded'] ?? false) {
            [$type, $body] = ['application/octet-stream', base64_decode($body)];
        }
    }
    if ($type !== null) {
        header("Content-Type: $type");
        header('Content-Length: ' . strlen($body));
    }
    foreach (($result['headers'] ?? []) + ($result['multiValueHeaders'] ?? []) as $name => $values) {
        foreach (in_array(strtolower($name), Fixed::FRAMING, true) ? [] : array_values((array) $values) as $number => $value) {
            header("$name: $value", $number === 0);
        }
    }
    foreach ((array) ($result['cookies'] ?? []) as $cookie) {
        header("Set-Cookie: $cookie", false);
    }
    // After the headers: Location and WWW-Authenticate set a status of their own.
    http_response_code($result['status'] ?? $result['statusCode']);
    echo $body;
}

function says_how(array $said): bool
{
    $status = $said['status'] ?? $said['statusCode'] ?? null;
    return is_int($status) && $status >= 200 && $status <= 599 && array_diff(array_keys($said), Fixed::ANSWER_KEYS) === [];
}

function encoded(mixed $value): array
{
    if (is_string($value)) {
        return [preg_match('//u', $value) ? Fixed::PLAIN : 'application/octet-stream', $value];
    }
    return ['application/json', json_encode($value, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE)];
}
