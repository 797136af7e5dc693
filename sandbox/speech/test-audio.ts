import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFfmpeg } from '../render/ffmpeg.js';
import { startSandbox } from '../server.js';
import { call } from '../test-client.js';

/** Helpers of this wire's own tests. */
const KEY = 'test-key';
export const AUTH = { authorization: `Bearer ${KEY}` };

export interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string | null };
}

export interface AudioPart {
  bytes: Buffer;
  name: string;
  type?: string;
}
export type Parts = [string, string | AudioPart][];

export function formOf(parts: Parts): FormData {
  const form = new FormData();
  for (const [field, part] of parts)
    if (typeof part === 'string') form.append(field, part);
    else form.append(field, new Blob([new Uint8Array(part.bytes)], { type: part.type ?? 'audio/mpeg' }), part.name);
  return form;
}

/** A tone that nobody has spoken, in the format of the name's extension. */
export function tone(seconds: number, name = 'tone.wav'): AudioPart {
  const folder = mkdtempSync(join(tmpdir(), 'kiln-tone-'));
  try {
    const path = join(folder, name);
    execFileSync(findFfmpeg(), ['-v', 'error', '-f', 'lavfi', '-i', `sine=d=${seconds}`, path]);
    return { bytes: readFileSync(path), name };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Decibels of the loudest sample, as ffmpeg's volumedetect hears them; -91 is silence. */
export function loudest(bytes: Buffer, extension: string): number {
  const folder = mkdtempSync(join(tmpdir(), 'kiln-loud-'));
  try {
    const path = join(folder, `file.${extension}`);
    writeFileSync(path, bytes);
    const args = ['-hide_banner', '-i', path, '-af', 'volumedetect', '-f', 'null', '-'];
    const said = execFileSync('/bin/sh', ['-c', '"$0" "$@" 2>&1', findFfmpeg(), ...args]).toString();
    return Number(/max_volume: (-?[\d.]+) dB/.exec(said)?.[1]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The `data:` of every event. */
export const eventsIn = (text: string): Record<string, unknown>[] =>
  [...text.matchAll(/^data: (.+)$/gm)].map(([, data = '']) => JSON.parse(data) as Record<string, unknown>);

/** A sandbox without latencies, and calls to it. */
export async function openAudio() {
  const sandbox = await startSandbox({ speed: 0, key: KEY, comfyInstances: 1 });
  const speak = (json: object, prefix = '/openai/v1') =>
    fetch(`${sandbox.url}${prefix}/audio/speech`, {
      method: 'POST',
      headers: { ...AUTH, 'content-type': 'application/json' },
      body: JSON.stringify(json),
    });
  return {
    sandbox,
    speak,
    async spoken(json: object, prefix?: string): Promise<Buffer> {
      const response = await speak(json, prefix);
      if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
      return Buffer.from(await response.arrayBuffer());
    },
    transcribe: <Body = ErrorBody>(parts: Parts, prefix = '/openai/v1', task = 'transcriptions') =>
      call<Body>(`${sandbox.url}${prefix}/audio/${task}`, { method: 'POST', headers: AUTH, body: formOf(parts) }),
  };
}
