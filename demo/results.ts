import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Job, KilnApi } from './api.js';

const EXTENSIONS: Record<string, string> = {
  'video/mp4': 'mp4',
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/webp': 'webp',
  'audio/mpeg': 'mp3',
  'audio/wav': 'wav',
  'audio/flac': 'flac',
};

export interface SavedFile {
  /** `content`, `poster`, `preview`, `thumbnail`, `spritesheet` or `waveform`. */
  variant: string;
  path: string;
  content_type: string;
  bytes: number;
}

export interface SavedOutput {
  type: string;
  width: number | null;
  height: number | null;
  duration_seconds: number | null;
  sha256: string;
  files: SavedFile[];
}

/** Saves every output with its variants. Throws when what arrived is not what the job says it made. */
export async function saveOutputs(api: KilnApi, job: Job, model: string, outDir: string): Promise<SavedOutput[]> {
  await mkdir(outDir, { recursive: true });
  const stem = join(outDir, `${model.replaceAll(/[^A-Za-z0-9._-]/g, '-')}-${job.id.slice(-8)}`);
  const saved: SavedOutput[] = [];
  for (const [n, output] of job.outputs.entries()) {
    const name = job.outputs.length > 1 ? `${stem}-${n + 1}` : stem;
    const path = `${name}.${EXTENSIONS[output.content_type] ?? 'bin'}`;
    const { sha256, bytes } = await api.download(output.url, path);
    if (sha256 !== output.sha256) throw new Error(`${path} has SHA-256 ${sha256}; the job says ${output.sha256}.`);
    const files: SavedFile[] = [{ variant: 'content', path, content_type: output.content_type, bytes }];
    for (const [variant, link] of Object.entries(output.variants)) {
      if (link && variant !== 'content') files.push(await saveVariant(api, link.url, variant, name));
    }
    const { type, width, height, duration_seconds } = output;
    saved.push({ type, width, height, duration_seconds, sha256, files });
  }
  return saved;
}

/** A variant's type is told by its answer, so it is known from the headers only. */
async function saveVariant(api: KilnApi, link: string, variant: string, name: string): Promise<SavedFile> {
  const contentType = await api.contentType(link);
  const path = `${name}.${variant}.${EXTENSIONS[contentType] ?? 'bin'}`;
  const { bytes } = await api.download(link, path);
  return { variant, path, content_type: contentType, bytes };
}
