// Tasks come as a JSON array on standard input, one result for each goes out: what
// the task gives, or {refused: why}. What is no refusal but our mistake looks like
// one, too: those who run tasks look at why.
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';

// Node.js 18, which Debian 12 has, does not have it there by itself.
globalThis.crypto ??= webcrypto;

export async function each(run) {
  const results = [];
  for (const task of JSON.parse(readFileSync(0, 'utf8'))) {
    try {
      results.push(await run(task));
    } catch (e) {
      results.push({ refused: `${e.code ?? e.name}: ${e.message}` });
    }
  }
  process.stdout.write(JSON.stringify(results));
}
