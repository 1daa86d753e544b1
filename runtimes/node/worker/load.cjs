// SPDX-License-Identifier: Apache-2.0
// From files to something that serves: which file, what it exports or listens with, and what kind of thing that is.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { createRequire } = require('node:module');
const { pathToFileURL } = require('node:url');
const { fetchServer } = require('./fetch.cjs');
const { handlerServer } = require('./handler.cjs');
const { scriptServer } = require('./script.cjs');

const ENTRIES = ['main', 'index', 'app', 'server', 'handler', 'function'].flatMap((name) => ['js', 'mjs', 'cjs'].map((kind) => `${name}.${kind}`));
const APPLICATIONS = ['app', 'application', 'server'];
const HANDLERS = ['handler', 'handle'];
const MODULE_SYNTAX = /^\s*(?:import\s*[\w*{'"]|export\s+(?:default|const|let|var|function|async|class)\b|export\s*[{*])/m;
const OFFERS = /\bmodule\.exports\b|\bexports\s*[.[]|\.listen\s*\(/;
const AS_MODULE = '--experimental-default-type=module';
const LISTEN_MS = 10000; // an application that listens when something else is ready

class LoadError extends Error {
  constructor(sentence, detail = '') {
    super(sentence);
    this.detail = detail;
  }
}

function isFile(name) {
  try {
    return fs.statSync(name).isFile();
  } catch {
    return false;
  }
}

function chooseEntry(root, entry) {
  if (entry) {
    const full = path.resolve(root, entry);
    if (!full.startsWith(root + path.sep) || !isFile(full)) throw new LoadError(`${entry}: there is no such file in the function's code`);
    return entry;
  }
  try {
    const named = JSON.parse(fs.readFileSync(path.join(root, 'package.json'))).main;
    if (named && isFile(path.join(root, named))) return path.normalize(named);
  } catch {} // without a package.json, or one that says nothing
  const found = ENTRIES.find((name) => isFile(path.join(root, name)));
  if (found) return found;
  const all = fs.readdirSync(root).filter((name) => /\.[cm]?js$/.test(name));
  if (all.length === 1) return all[0];
  throw new LoadError('there is no main.js; name the file to load as `entry`' + (all.length ? `: one of ${all.join(', ')}` : ''));
}

/** "main:app", "app" or "" → the module, and the attribute. */
function splitHandler(handler) {
  const colon = handler.lastIndexOf(':');
  return colon < 0 ? ['', handler] : [handler.slice(0, colon), handler.slice(colon + 1)];
}

function withoutComments(source) {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

async function runFile(file, source) {
  const kind = path.extname(file);
  const asModule = () => import(pathToFileURL(file).href);
  if (kind === '.mjs' || (kind !== '.cjs' && MODULE_SYNTAX.test(source))) return asModule();
  try {
    return createRequire(file)(file);
  } catch (error) {
    // A package.json that says "module", or an await at the top.
    if (error.code === 'ERR_REQUIRE_ESM' || /await is only valid/.test(error.message)) return asModule();
    throw error;
  }
}

/** Runs the code; servers that it lets listen are kept instead of opening a port, and it cannot end the process. */
async function runGuarded(file, source, servers) {
  const exit = process.exit;
  let fail;
  const failure = new Promise((_, reject) => (fail = reject));
  failure.catch(() => {});
  const loaded = { done: false };
  process.exit = (code) => {
    if (loaded.done) exit(code);
    const error = new Error(`the code ended itself while it was loaded (process.exit(${code === undefined ? '' : code}))`);
    error.name = 'Exit';
    fail(error);
    throw error;
  };
  process.on('uncaughtException', fail);
  captureServers(servers);
  try {
    const exported = await Promise.race([runFile(file, source), failure]);
    if (servers.length === 0 && /\.listen\s*\(/.test(source) && !findTarget(exported, '')[0]) {
      await Promise.race([servers.next, failure, new Promise((done) => setTimeout(done, LISTEN_MS).unref())]);
    }
    return exported;
  } finally {
    loaded.done = true;
    process.exit = exit;
    process.off('uncaughtException', fail);
  }
}

function captureServers(servers) {
  servers.next = new Promise((done) => (servers.captured = done));
  const listen = function (...words) {
    const port = Number(words[0]?.port ?? words[0]) || 0;
    this.address = () => ({ address: '0.0.0.0', family: 'IPv4', port });
    const callback = words.findLast((word) => typeof word === 'function');
    if (callback) this.once('listening', callback);
    servers.push(this);
    process.nextTick(() => this.emit('listening'));
    servers.captured();
    return this;
  };
  http.Server.prototype.listen = listen;
  https.Server.prototype.listen = listen;
}

async function load(settings) {
  const root = path.resolve(settings.code);
  process.chdir(root);
  Object.assign(process.env, settings.env);
  const [module, attribute] = splitHandler(settings.handler || '');
  const named = module && [module, `${module}.js`, `${module}.mjs`, `${module}.cjs`].find((name) => isFile(path.join(root, name)));
  const entry = chooseEntry(root, named || module || settings.entry);
  const file = path.join(root, entry);
  const source = withoutComments(fs.readFileSync(file, 'utf8'));
  if (attribute === 'script' || (!attribute && !OFFERS.test(source) && !MODULE_SYNTAX.test(source.replace(/^\s*import\b/gm, '')))) {
    const flags = MODULE_SYNTAX.test(source) ? [AS_MODULE] : [];
    checkSyntax(root, file, flags);
    return { kind: 'script', handler: entry, serve: scriptServer(file, flags) };
  }
  const servers = [];
  let exported;
  try {
    exported = await runGuarded(file, source, servers);
  } catch (error) {
    throw new LoadError(sentenceOf(root, entry, error), String((error && error.stack) || error));
  }
  const [target, name] = findTarget(exported, attribute);
  if (target !== undefined) return classify(target, name, entry, settings);
  if (attribute) throw new LoadError(`${entry}: has no '${attribute}', which the handler names`);
  if (servers.length > 0) return listener(servers[0], `${entry}:listen`);
  throw new LoadError(`${entry}: exports neither an application, nor a function handler(event), and listens on no port`);
}

function findTarget(exported, attribute) {
  if (exported === null || exported === undefined) return [undefined, ''];
  const plain = exported.default !== undefined ? exported.default : exported;
  if (attribute) {
    const places = attribute === 'default' ? [exported, { default: plain }] : [exported, plain];
    for (const place of places) {
      const found = attribute.split('.').reduce((at, part) => (at === undefined || at === null ? undefined : at[part]), place);
      if (found !== undefined && found !== null) return [found, attribute];
    }
    return [undefined, ''];
  }
  if (isApplication(plain) || typeof plain === 'function') return [plain, 'default'];
  for (const name of APPLICATIONS) if (isApplication(exported[name]) || typeof exported[name] === 'function') return [exported[name], name];
  if (typeof exported.fetch === 'function') return [exported, 'fetch'];
  for (const name of HANDLERS) if (typeof exported[name] === 'function') return [exported[name], name];
  if (plain !== exported) for (const name of HANDLERS) if (typeof plain[name] === 'function') return [plain[name], name];
  return [undefined, ''];
}

function isApplication(thing) {
  return thing instanceof http.Server || (thing && ['fetch', 'callback', 'routing'].some((name) => typeof thing[name] === 'function')) || isExpress(thing);
}

function isExpress(thing) {
  return typeof thing === 'function' && (typeof thing.handle === 'function' || typeof thing.listen === 'function');
}

async function classify(target, name, entry, settings) {
  const handler = `${entry}:${name}`;
  if (target instanceof http.Server) return listener(target, handler);
  if (isExpress(target)) return { kind: 'listener', handler, serve: target, target };
  if (typeof target.fetch === 'function') return { kind: 'fetch', handler, serve: fetchServer(target.fetch.bind(target)), target };
  if (typeof target.routing === 'function' && typeof target.ready === 'function') {
    await target.ready(); // Fastify
    return { kind: 'listener', handler, serve: target.routing, target };
  }
  if (typeof target.callback === 'function') return { kind: 'listener', handler, serve: target.callback(), target }; // Koa
  if (typeof target !== 'function') throw new LoadError(`${entry}: '${name}' is no function and no application, but of type ${typeof target}`);
  const first = /^(?:async\s*)?(?:function\s*\*?\s*[\w$]*\s*)?\(?\s*([\w$]*)/.exec(String(target))?.[1];
  if (!HANDLERS.includes(name) || /^(req|request)$/.test(first)) {
    if (target.length >= 2 && first !== 'event') return { kind: 'listener', handler, serve: target, target };
    if (/^(req|request)$/.test(first)) return { kind: 'fetch', handler, serve: fetchServer(target), target };
  }
  return { kind: 'handler', handler, serve: handlerServer(target, settings), target };
}

function listener(server, handler) {
  return { kind: 'listener', handler, server, serve: (req, res) => server.emit('request', req, res), target: server };
}

/** File, line and reason, in that part of the stack that is the function's own. */
function sentenceOf(root, entry, error) {
  const stack = String((error && error.stack) || '');
  const message = error instanceof Error ? `${error.name}: ${error.message.split('\n')[0]}` : `it throws ${String(error)}`;
  const place = new RegExp(`(?:file://)?${root}/([^\\s:()]+):(\\d+)`);
  let found = place.exec(stack.replace(error instanceof Error ? error.message : '', ''));
  if (!found && error instanceof SyntaxError) {
    try {
      execFileSync(process.execPath, [AS_MODULE, '--check', path.join(root, entry)], { stdio: 'pipe' });
    } catch (check) {
      found = place.exec(String(check.stderr));
    }
  }
  if (error && error.name === 'Exit') return `${found ? `${found[1]}, line ${found[2]}` : entry}: ${error.message}`;
  return `${found ? `${found[1]}, line ${found[2]}` : entry}: ${message}`;
}

function checkSyntax(root, file, flags) {
  try {
    execFileSync(process.execPath, [...flags, '--check', file], { stdio: 'pipe' });
  } catch (check) {
    const said = String(check.stderr);
    const line = new RegExp(`${file}:(\\d+)`).exec(said);
    const reason = /^\w*Error: .*$/m.exec(said);
    throw new LoadError(`${path.relative(root, file)}${line ? `, line ${line[1]}` : ''}: ${reason ? reason[0] : 'it is no JavaScript'}`, said);
  }
}

module.exports = { load, LoadError };
