// SPDX-License-Identifier: Apache-2.0
// Runs a plain script for each request, as CGI does (RFC 3875): a process of its own.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { pipeline } = require('node:stream/promises');
const { failed, FAILED } = require('./fetch.cjs');

const HEAD_LIMIT = 64 * 1024;
let spooled = 0;

function variables(req, file) {
  const env = { ...process.env };
  for (const [name, value] of Object.entries(req.headers)) {
    if (name === 'proxy' || name.includes('_')) continue;
    env[`HTTP_${name.toUpperCase().replaceAll('-', '_')}`] = Array.isArray(value) ? value.join(', ') : value;
  }
  const mark = req.url.indexOf('?');
  let decoded = mark < 0 ? req.url : req.url.slice(0, mark);
  try {
    decoded = decodeURIComponent(decoded);
  } catch {} // as it came
  const [, host, port] = /^(.*?)(?::(\d+))?$/.exec(req.headers.host || 'localhost');
  return Object.assign(env, {
    REQUEST_METHOD: req.method, REQUEST_URI: req.url, PATH_INFO: decoded.replace(/\0.*/, ''), QUERY_STRING: mark < 0 ? '' : req.url.slice(mark + 1),
    SCRIPT_NAME: (req.headers['x-forwarded-prefix'] || '').replace(/\/$/, ''), SCRIPT_FILENAME: file, DOCUMENT_ROOT: process.cwd(),
    CONTENT_TYPE: req.headers['content-type'] || '', SERVER_NAME: host,
    SERVER_PORT: port || '80', SERVER_PROTOCOL: 'HTTP/1.1', SERVER_SOFTWARE: 'shallop', GATEWAY_INTERFACE: 'CGI/1.1',
    REMOTE_ADDR: (req.headers['x-forwarded-for'] || '127.0.0.1').split(',').pop().trim(), REDIRECT_STATUS: '200',
  });
}

/** {status, reason, fields, rest} if the output begins with a whole header block that has one of CGI's own fields. */
function cgiHead(output) {
  const text = output.toString('latin1');
  const end = /\r?\n\r?\n/.exec(text);
  if (!end) return null;
  const head = { status: 200, reason: undefined, fields: [], rest: output.subarray(end.index + end[0].length) };
  let known = false;
  for (const line of text.slice(0, end.index).split(/\r?\n/)) {
    const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)\s*$/.exec(line);
    if (!field) return null;
    const name = field[1].toLowerCase();
    known = known || ['content-type', 'status', 'location'].includes(name);
    if (name === 'location' && head.status === 200) head.status = 302;
    if (name === 'status') [head.status, head.reason] = [/^[2-5]\d\d(?!\S)/.test(field[2]) ? Number(field[2].slice(0, 3)) : NaN, field[2].slice(4) || undefined];
    else head.fields.push([field[1], field[2]]);
  }
  return known ? head : null;
}

function begin(res, head) {
  for (const [name, value] of head.fields) res.appendHeader ? res.appendHeader(name, value) : res.setHeader(name, value);
  res.writeHead(head.status, head.reason || http.STATUS_CODES[head.status]);
  if (head.rest.length > 0) res.write(head.rest);
}

function plain(res, held) {
  const kind = /^\s*</.test(held.subarray(0, 64).toString('latin1')) ? 'text/html' : 'text/plain';
  return { status: 200, fields: [['Content-Type', `${kind}; charset=utf-8`]], rest: held };
}

/** The body as an open file without a name: what a script may read as it likes. */
async function spool(req) {
  const name = path.join('/tmp', `.body-${process.pid}-${++spooled}`);
  const target = await fs.promises.open(name, 'w', 0o600);
  try {
    const source = await fs.promises.open(name, 'r');
    await fs.promises.unlink(name);
    await pipeline(req, target.createWriteStream()).catch(async (error) => {
      await source.close();
      throw error;
    });
    return source;
  } finally {
    await target.close().catch(() => {}); // the stream has closed it
  }
}

function scriptServer(file, flags) {
  return async (req, res) => {
    let body;
    try {
      body = await spool(req);
      const { size } = await body.stat();
      run([...flags, file], { ...variables(req, file), CONTENT_LENGTH: size > 0 ? String(size) : '' }, body.fd, res);
    } catch (error) {
      failed(error, res);
    } finally {
      await body?.close();
    }
  };
}

function run(words, env, body, res) {
  const child = spawn(process.execPath, ['--no-warnings', ...words], { env, stdio: [body, 'pipe', 'inherit'], detached: true });
  let held = Buffer.alloc(0);
  let begun = false;
  const end = () => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {} // it has ended, or never began
  };
  child.on('error', (error) => {
    failed(error, res);
  });
  res.on('close', () => {
    if (!res.writableFinished && child.exitCode === null) end();
  });
  child.stdout.on('data', (piece) => {
    if (begun) {
      if (!res.write(piece)) {
        child.stdout.pause();
        res.once('drain', () => child.stdout.resume());
      }
      return;
    }
    held = Buffer.concat([held, piece]);
    const head = cgiHead(held) || (held.length > HEAD_LIMIT ? plain(res, held) : null);
    if (!head) return;
    begun = true;
    try {
      begin(res, head);
    } catch (error) { // a status or a field that HTTP does not have
      child.stdout.destroy();
      end();
      failed(error, res);
    }
  });
  child.on('close', (code) => {
    if (res.destroyed || res.writableEnded) return;
    if (code !== 0) console.error(`the script failed${begun ? ' after it had answered' : ''}`);
    if (!begun && code !== 0) {
      res.writeHead(500, { 'Content-Type': 'text/plain; charset=utf-8' });
      res.end(FAILED);
      return;
    }
    if (!begun) {
      res.setHeader('Content-Length', held.length);
      begin(res, plain(res, held));
    }
    res.end();
  });
}

module.exports = { scriptServer };
