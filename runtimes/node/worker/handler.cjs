// SPDX-License-Identifier: Apache-2.0
// Serves handler functions: handler(event) or handler(event, context).
'use strict';
const { Readable } = require('node:stream');
const { sendResponse, stream, failed } = require('./fetch.cjs');

const ANSWER_KEYS = new Set(['status', 'statusCode', 'headers', 'multiValueHeaders', 'body', 'base64', 'isBase64Encoded', 'cookies']);
const FRAMING = new Set(['content-length', 'transfer-encoding']); // said by the runtime, whatever a handler says
const TEXT_TYPE = /^(text\/|application\/(x-www-form-urlencoded|xml|javascript|yaml)$)/;
const utf8 = new TextDecoder('utf-8', { fatal: true });

class BadBody extends Error {}

function decoded(data, contentType) {
  const kind = (contentType || '').split(';')[0].trim().toLowerCase();
  if (kind === 'application/json' || kind.endsWith('+json')) {
    if (data.length === 0) return [null, false];
    try {
      return [JSON.parse(data.toString()), false];
    } catch (error) {
      throw new BadBody(`the body is not JSON: ${error.message}`);
    }
  }
  if (kind === '' || TEXT_TYPE.test(kind)) {
    try {
      return [utf8.decode(data), false];
    } catch {} // bytes, then
  }
  return [data.toString('base64'), true];
}

function eventOf(req, data) {
  const mark = req.url.indexOf('?');
  let path = mark < 0 ? req.url : req.url.slice(0, mark);
  try {
    path = decodeURIComponent(path);
  } catch {} // as it came
  const query = mark < 0 ? {} : Object.fromEntries(new URLSearchParams(req.url.slice(mark + 1)));
  const [body, base64] = decoded(data, req.headers['content-type']);
  return { method: req.method, path, query, headers: { ...req.headers }, body, base64, id: req.headers['x-shallop-invocation-id'] || '' };
}

function saysHow(result) {
  const status = result.status ?? result.statusCode;
  return Number.isInteger(status) && status >= 200 && status <= 599 && Object.keys(result).every((key) => ANSWER_KEYS.has(key));
}

function encoded(value) {
  if (typeof value === 'string') return ['text/plain; charset=utf-8', Buffer.from(value)];
  if (value instanceof Uint8Array) return ['application/octet-stream', Buffer.from(value.buffer, value.byteOffset, value.byteLength)];
  return ['application/json', Buffer.from(JSON.stringify(value))];
}

async function* piecesOf(result) {
  for await (const piece of result) yield typeof piece === 'string' || piece instanceof Uint8Array ? piece : String(piece);
}

async function answer(result, res) {
  if (result instanceof Response) return sendResponse(result, res);
  if (result === undefined || result === null) return void res.writeHead(204).end();
  let body = Buffer.alloc(0);
  let kind;
  let status = 200;
  if (typeof result === 'object' && saysHow(result)) {
    status = result.status ?? result.statusCode;
    for (const [name, value] of Object.entries({ ...result.headers, ...result.multiValueHeaders })) {
      if (!FRAMING.has(name.toLowerCase())) res.setHeader(name, Array.isArray(value) ? value.map(String) : String(value));
    }
    if (result.cookies) res.setHeader('Set-Cookie', [res.getHeader('Set-Cookie') ?? [], result.cookies].flat());
    if (result.body !== undefined && result.body !== null) [kind, body] = encoded(result.body);
    if (result.base64 || result.isBase64Encoded) [kind, body] = ['application/octet-stream', Buffer.from(String(result.body), 'base64')];
  } else if (typeof result[Symbol.asyncIterator] === 'function') {
    return stream(Readable.from(piecesOf(result)), res, () => res.setHeader('Content-Type', 'text/plain; charset=utf-8'));
  } else {
    [kind, body] = encoded(result);
  }
  if (kind && !res.hasHeader('content-type')) res.setHeader('Content-Type', kind);
  if (status !== 204 && status !== 304) res.setHeader('Content-Length', body.length);
  res.writeHead(status);
  res.end(body);
}

function handlerServer(handler, settings) {
  return async (req, res) => {
    try {
      const pieces = [];
      for await (const piece of req) pieces.push(piece);
      const event = eventOf(req, pieces.length === 1 ? pieces[0] : Buffer.concat(pieces));
      const context = { functionName: settings.function, functionVersion: String(settings.version), awsRequestId: event.id, invocationId: event.id };
      await answer(await handler(event, context), res);
    } catch (error) {
      if (error instanceof BadBody) {
        res.writeHead(400, { 'Content-Type': 'text/plain; charset=utf-8' });
        res.end(`${error.message}\n`);
      } else if (!(error && error.code === 'ECONNRESET' && req.destroyed)) {
        failed(error, res);
      }
    }
  };
}

module.exports = { handlerServer };
