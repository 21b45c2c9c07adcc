// Strict JSON (format.md section 1) and RFC 8785.
import { isAssigned } from './unicode.mjs';

export class Refused extends Error {
  constructor(cls, why, pointer = '') { super(why + (pointer ? ' at ' + pointer : '')); this.cls = cls; this.pointer = pointer; }
}
export const malformed = (why, ptr) => { throw new Refused('malformed', why, ptr); };
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
export function decodeUTF8(bytes) { try { return utf8.decode(bytes); } catch { malformed('not UTF-8'); } }
export const escapePtr = (s) => s.replace(/~/g, '~0').replace(/\//g, '~1');
export const compareUTF8 = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));

const NUMBER = /^(0|-?[1-9][0-9]{0,15})$/;
const WS = new Set([' ', '\t', '\n', '\r']);
const ESC = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

export function canonical(v) {
  if (Array.isArray(v)) return '[' + v.map(canonical).join(',') + ']';
  if (v !== null && typeof v === 'object')
    return '{' + Object.keys(v).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)).map((k) => JSON.stringify(k) + ':' + canonical(v[k])).join(',') + '}';
  return JSON.stringify(v);
}

// parse reads one document. form: payload, trust, request or evidence.
export function parse(bytes, form) {
  const src = decodeUTF8(bytes);
  let at = 0;
  const syntax = (ptr) => malformed('not JSON, near ' + at, ptr);
  const ws = () => { while (WS.has(src[at])) at++; };
  const lit = (w, v) => { if (!src.startsWith(w, at)) syntax(); at += w.length; return v; };

  function str(ptr, isName) {
    if (src[at] !== '"') syntax(ptr);
    at++;
    let out = '';
    for (;;) {
      if (at >= src.length) syntax(ptr);
      const c = src[at++];
      if (c === '"') break;
      if (c < ' ') malformed('raw control character', ptr);
      if (c !== '\\') { out += c; continue; }
      const e = src[at++];
      if (e === 'u') {
        const h = src.slice(at, at + 4);
        if (!/^[0-9a-fA-F]{4}$/.test(h)) syntax(ptr);
        out += String.fromCharCode(parseInt(h, 16)); at += 4;
      } else if (e in ESC) out += ESC[e]; else syntax(ptr);
    }
    if (!out.isWellFormed()) malformed('lone surrogate', ptr);
    if (form !== 'evidence') {
      if (out.normalize('NFC') !== out) malformed('not in NFC', ptr);
      for (const c of out) {
        const lf = c === '\n' && !isName && form !== 'payload';
        if (!lf && /\p{Cc}/u.test(c)) malformed('control character', ptr);
        if (!isAssigned(c.codePointAt(0))) malformed('not of Unicode 15.0', ptr);
      }
    }
    return out;
  }
  function value(ptr, depth, member) {
    const c = src[at];
    if (c === '{' || c === '[') {
      if (++depth > 16) malformed('too deep', ptr);
      const isObj = c === '{', out = isObj ? Object.create(null) : [];
      at++; ws();
      if (src[at] === (isObj ? '}' : ']')) { at++; return out; }
      for (;;) {
        ws();
        if (isObj) {
          const k = str(ptr, true), p = ptr + '/' + escapePtr(k);
          if (Object.hasOwn(out, k)) malformed('member twice', p);
          ws(); if (src[at] !== ':') syntax(p); at++; ws();
          out[k] = value(p, depth, true);
        } else out.push(value(ptr + '/' + out.length, depth, false));
        ws();
        if (src[at] === ',') { at++; continue; }
        if (src[at] === (isObj ? '}' : ']')) { at++; return out; }
        syntax(ptr);
      }
    }
    if (c === '"') return str(ptr, false);
    if (c === 't') return lit('true', true);
    if (c === 'f') return lit('false', false);
    if (c === 'n') {
      lit('null', null);
      if (form !== 'request' || !member) malformed('null', ptr);
      return null;
    }
    const m = /[-+.0-9eE]+/y; m.lastIndex = at;
    const n = m.exec(src)?.[0];
    if (!n) syntax(ptr);
    at += n.length;
    if (!NUMBER.test(n) || !Number.isSafeInteger(Number(n))) malformed('number', ptr);
    return Number(n);
  }
  ws();
  const doc = value('', 0, false);
  ws();
  if (at !== src.length) syntax();
  if (form === 'payload') saysSomething(doc, '');
  if ((form === 'payload' || form === 'evidence') && canonical(doc) !== src) malformed('not in RFC 8785 form');
  return doc;
}

function saysSomething(v, ptr) {
  if (v === '' || v === 0 || v === false) malformed('a member that says nothing', ptr);
  if (typeof v !== 'object') return;
  const keys = Object.keys(v);
  if (keys.length === 0) malformed('empty', ptr);
  if (Array.isArray(v)) {
    const forms = v.map((e) => canonical(e));
    forms.forEach((f, i) => { if (i && compareUTF8(forms[i - 1], f) >= 0) malformed('a set that does not ascend', ptr + '/' + i); });
  }
  for (const k of keys) saysSomething(v[k], ptr + '/' + escapePtr(k));
}

// Strict base64 and base64url.
export function b64(s) {
  const b = Buffer.from(s, 'base64');
  return b.toString('base64') === s ? b : null;
}
export function b64url(s) {
  const b = Buffer.from(s, 'base64url');
  return b.toString('base64url') === s ? b : null;
}
