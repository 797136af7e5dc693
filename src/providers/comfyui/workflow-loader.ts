import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../../common/errors.js';
import type { JsonObject } from '../../common/json.js';
import { SettingsError } from '../contract.js';
import { graph, mapping, type Graph, type Mapping } from './mapping.js';
import { settingsShape, type Settings } from './options.js';

const fileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*\.json$/, 'must be the name of a .json file');

/** `settings` of a ComfyUI route as the catalog has it. `workflow` overrules the one that the mapping names. */
const written = z.strictObject({
  mapping: z.union([fileName, z.record(z.string(), z.json())]),
  workflow: z.union([fileName, graph]).optional(),
});

type ReadFile = (name: string) => string;

function fail(what: string, error: z.ZodError): never {
  const lines = error.issues.map((issue) => [issue.path.join('.'), issue.message].filter(Boolean).join(': '));
  throw new SettingsError(`${what}: ${lines.join('; ')}`);
}

function readJson(name: string, read: ReadFile): unknown {
  let text: string;
  try {
    text = read(name);
  } catch (error) {
    throw new SettingsError(`${name} can't be read: ${messageOf(error)}`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SettingsError(`${name} is not JSON: ${messageOf(error)}`);
  }
}

function graphOf(ref: string | Graph, read: ReadFile): { name: string; graph: Graph } {
  if (typeof ref !== 'string') return { name: 'the graph', graph: ref };
  const parsed = graph.safeParse(readJson(ref, read));
  if (parsed.success) return { name: ref, graph: parsed.data };
  throw new SettingsError(`${ref} is no workflow in API format (export it with "Export (API)")`);
}

/** Each graph with what it inherits, variants first; still to be checked. */
function workflowsOf(map: Mapping, read: ReadFile): unknown[] {
  const { workflow: baseRef, variants, ...base } = map;
  const others = variants.map(({ workflow: ref, inputs, size, chains, cut, ...own }): unknown => ({
    ...base,
    ...Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined)),
    inputs: { ...base.inputs, ...inputs },
    chains: { ...base.chains, ...chains },
    cut: { ...base.cut, ...cut },
    size: size ? { ...base.size, ...size } : base.size,
    ...graphOf(ref, read),
  }));
  return [...others, { ...base, ...graphOf(baseRef, read) }];
}

/** Reads the files that a route's settings name and checks that every node and input a mapping names exists. */
export function resolveSettings(raw: JsonObject, read: ReadFile): Settings {
  const given = written.safeParse(raw);
  if (!given.success) fail('settings', given.error);
  const source = given.data.mapping;
  const what = typeof source === 'string' ? source : 'mapping';
  const map = mapping.safeParse(typeof source === 'string' ? readJson(source, read) : source);
  if (!map.success) fail(what, map.error);
  const resolved = {
    workflows: workflowsOf({ ...map.data, workflow: given.data.workflow ?? map.data.workflow }, read),
  };
  const checked = settingsShape.safeParse(resolved);
  if (!checked.success) fail(what, checked.error);
  return checked.data;
}

/** A mapping and its graphs from one folder. Throws SettingsError that names the file and what is wrong. */
export const loadWorkflow = (dir: string, mappingFile: string): Settings =>
  resolveSettings({ mapping: mappingFile }, (name) => readFileSync(join(dir, name), 'utf8'));
