// SPDX-License-Identifier: Apache-2.0
// The routes that an application knows itself, in Shallop's patterns.
'use strict';

const DEEPEST = 8; // routers in one another

// What path-to-regexp puts after a path that more may follow, in its versions.
const ENDS = ['\\/?(?=\\/|$)', '(?:[\\/#\\?](?=[]|$))?(?=[\\/#\\?]|[]|$)'];

/** The plain path that Express 4 made a router's expression of; undefined where it was no plain path. */
function mountedAt(layer) {
  if (layer.regexp?.fast_slash) return '';
  const whole = layer.regexp?.source ?? '';
  const end = ENDS.find((one) => whole.endsWith(one));
  const source = end && whole.slice(1, -end.length);
  if (source === undefined || layer.keys?.length > 0 || /(^|[^\\])[()[\]*+?|.$]/.test(source)) return undefined;
  return source.replace(/\\(.)/g, '$1');
}

function collect(stack, prefix, found, depth) {
  for (const layer of stack) {
    const inner = layer.handle?.stack;
    if (!layer.route && Array.isArray(inner) && depth < DEEPEST) {
      const at = mountedAt(layer);
      if (at !== undefined) collect(inner, prefix + at, found, depth + 1);
      continue;
    }
    const route = layer.route;
    if (!route || typeof route.path !== 'string' || /[*()?+]/.test(route.path)) continue;
    const methods = Object.keys(route.methods).filter((name) => name !== '_all').map((name) => name.toUpperCase());
    const path = prefix + (prefix !== '' && route.path === '/' ? '' : route.path);
    found.push({ path: path.replace(/:(\w+)/g, '{$1}'), methods });
  }
}

/** Express, with the routers that are mounted in it: [{path: "/a/{id}", methods: ["GET"]}]; [] where the application cannot tell. */
function routesOf(target) {
  const stack = target && (target._router || target.router)?.stack;
  const found = [];
  if (Array.isArray(stack)) collect(stack, '', found, 0);
  return found;
}

module.exports = { routesOf };
