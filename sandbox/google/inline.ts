import { readFile } from 'node:fs/promises';
import type { FastifyReply } from 'fastify';
import type { SandboxContext } from '../context.js';
import type { FaultName } from '../fault-table.js';
import type { Output } from '../generations.js';
import { render } from '../media.js';
import { sendTruncated } from '../transport.js';

/** A poll answers "still running" rather than wait longer than this for a render. */
const MAX_RENDER_WAIT_MS = 5_000;

/** The outputs' files; null where they take too long for an answer that must come soon. */
export async function renderedSoon(
  context: SandboxContext,
  outputs: readonly Output[],
  reply: FastifyReply,
): Promise<string[] | null> {
  const rendered = Promise.all(outputs.map((output) => render(context, output)));
  const paths = await Promise.race([
    rendered,
    new Promise<null>((resolve) => setTimeout(resolve, MAX_RENDER_WAIT_MS, null).unref()),
  ]);
  if (paths === null) rendered.catch((error: unknown) => reply.log.error(error));
  return paths;
}

/** Base64 of a file, or of what a download fault makes of it. */
export async function inlined(path: string, fault: FaultName | null): Promise<string> {
  if (fault === 'zero-bytes') return '';
  const bytes = fault === 'not-media' ? Buffer.from('<!doctype html><title>Sign in</title>') : await readFile(path);
  return bytes.toString('base64');
}

/** Sends a body that carries results, whole or cut off in the middle. */
export function sendWithResults(reply: FastifyReply, body: object, fault: FaultName | null): object | FastifyReply {
  if (fault !== 'truncate' && fault !== 'truncate-always') return body;
  sendTruncated(reply, 'application/json; charset=UTF-8', Buffer.from(JSON.stringify(body)));
  return reply;
}
