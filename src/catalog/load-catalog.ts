import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { messageOf } from '../common/errors.js';
import { sha256Hex } from '../common/ids.js';
import { canonicalJson, type JsonObject } from '../common/json.js';
import {
  catalogFile,
  isObject,
  mergePatch,
  type CatalogFile,
  type ModelFile,
  type PriceListFile,
} from './catalog-file.js';
import { Catalog } from './catalog.service.js';
import { fieldSchema, limitOf } from './fields.js';
import { CatalogProblem, clipsOf, fieldsOf, rulesOf } from './model-fields.js';
import { OPERATIONS } from './operation.js';
import { priceRule } from './prices.js';
import { syncAdapters } from '../providers/sync/registry.js';
import { routeOf, settingsOf, type RouteMeans } from './routes.js';
import { syncModelOf } from './load-sync.js';
import type { SyncModelFile } from './sync-file.js';
import type { Lane, Model, Route } from './schema.js';
import type { SyncAdapter } from '../providers/sync/contract.js';
import type { SyncModel } from './sync-schema.js';

export interface CatalogOptions extends RouteMeans {
  /** The operator's file (KILN_CATALOG); null where there is none. */
  overlayPath: string | null;
  now: () => Date;
  /** Default: those of the registry. */
  syncAdapters?: ReadonlyMap<string, SyncAdapter>;
  /** Default: the folder of YAML files shipped with Kiln. */
  baseDir?: string;
}

/** A catalog file can't be used. The message names the file, the place and what is allowed there. */
export class CatalogError extends Error {
  override readonly name = 'CatalogError';
}

const CATALOG_DIR = 'catalog';
/** The file that every catalog folder holds, by which it is known. */
const CATALOG_ROOT = 'catalog.yaml';
/** Folder of the shipped workflows, beside the catalog. */
const WORKFLOWS_DIR = 'workflows';

/** The shipped catalog's folder: beside package.json. */
function shippedCatalogDir(from: string = import.meta.dirname): string {
  for (let dir = from; ; dir = dirname(dir)) {
    const path = join(dir, CATALOG_DIR);
    if (existsSync(join(path, CATALOG_ROOT))) return path;
    if (dirname(dir) === dir)
      throw new CatalogError(`${CATALOG_DIR}/${CATALOG_ROOT} is missing in ${from} and every folder above`);
  }
}

/** A folder's files as one catalog, with the file that each section's key stands in. */
function readFolder(dir: string): { catalog: Record<string, unknown>; fileOf: (path: readonly string[]) => string } {
  const catalog: Record<string, unknown> = {};
  const files = new Map<string, string>();
  const names = readdirSync(dir).filter((name) => name.endsWith('.yaml'));
  for (const name of names.toSorted()) {
    const file = join(dir, name);
    const content = readYaml(file, 'the catalog');
    if (!isObject(content)) throw new CatalogError(`${file}: must hold platform_multiplier, prices, lanes or models`);
    for (const [section, value] of Object.entries(content)) {
      const keys = isObject(value) ? Object.keys(value).map((key) => [section, key]) : [[section]];
      for (const path of keys) {
        const other = files.get(path.join('\n'));
        if (other !== undefined) throw new CatalogError(`${file}: ${path.join('.')} stands in ${other} too`);
        files.set(path.join('\n'), file);
      }
      const former = catalog[section];
      catalog[section] = isObject(value) && isObject(former) ? { ...former, ...value } : value;
    }
  }
  return { catalog, fileOf: (path) => files.get(path.slice(0, 2).join('\n')) ?? files.get(path[0] ?? '') ?? dir };
}

function readYaml(path: string, what: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new CatalogError(`${what} ${path} can't be read: ${messageOf(error)}`);
  }
  try {
    return parse(text, { merge: true, maxAliasCount: 200 }) as unknown;
  } catch (error) {
    throw new CatalogError(`${what} ${path} is not YAML: ${messageOf(error)}`);
  }
}

const has = (tree: unknown, path: readonly string[]): boolean => {
  let at = tree;
  for (const key of path) {
    if (at === null || typeof at !== 'object' || !Object.hasOwn(at, key)) return false;
    at = (at as Record<string, unknown>)[key];
  }
  return true;
};

function issueProblem(issue: z.core.$ZodIssue): CatalogProblem {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys')
    return new CatalogProblem([...path, issue.keys[0] ?? ''], 'is not known here');
  if (issue.code === 'invalid_union') {
    const [first] = issue.errors.toSorted((a, b) => (b[0]?.path.length ?? 0) - (a[0]?.path.length ?? 0));
    const inner = first?.[0];
    if (inner) return issueProblem({ ...inner, path: [...issue.path, ...inner.path] });
  }
  return new CatalogProblem(path, issue.message);
}

/** Names the file that wrote the offending place: the overlay where it has it, else the shipped catalog. */
function located(
  problem: CatalogProblem,
  files: { fileOf: (path: readonly string[]) => string; overlayPath: string | null; overlay: unknown },
): CatalogError {
  // The last part may be what is missing; the place that lacks it is what someone wrote.
  const written = problem.path.slice(0, Math.max(1, problem.path.length - 1));
  const inOverlay = files.overlayPath !== null && (has(files.overlay, problem.path) || has(files.overlay, written));
  const file =
    inOverlay && files.overlayPath !== null ? `KILN_CATALOG ${files.overlayPath}` : files.fileOf(problem.path);
  return new CatalogError(`${file}: ${problem.path.join('.') || 'the file'}: ${problem.message}`);
}

function priceList(named: string | PriceListFile, file: CatalogFile, path: readonly string[]): PriceListFile {
  if (typeof named !== 'string') return named;
  const list = file.prices[named];
  if (list) return list;
  throw new CatalogProblem(path, `is '${named}', which prices lacks. Allowed: ${Object.keys(file.prices).join(', ')}`);
}

function operationsOf(file: ModelFile, path: readonly string[]): string[] {
  const known = OPERATIONS[file.modality];
  const wrong = file.operations.find((operation) => !known.includes(operation));
  if (wrong === undefined) return file.operations;
  throw new CatalogProblem(
    [...path, 'operations'],
    `holds '${wrong}'. Allowed for ${file.modality}: ${known.join(', ')}`,
  );
}

function routeNames(
  file: Pick<ModelFile | SyncModelFile, 'routes' | 'route_order'>,
  path: readonly string[],
): string[] {
  const names = Object.keys(file.routes);
  if (names.length === 0) throw new CatalogProblem([...path, 'routes'], 'must hold a route');
  const order = file.route_order ?? [];
  const wrong = order.find((name) => !names.includes(name));
  if (wrong !== undefined)
    throw new CatalogProblem([...path, 'route_order'], `names '${wrong}'. Allowed: ${names.join(', ')}`);
  return [...order, ...names.filter((name) => !order.includes(name))];
}

function modelOf(
  id: string,
  file: ModelFile,
  whole: CatalogFile,
  means: RouteMeans,
  readFile: (name: string) => string,
): Model {
  const path = ['models', id];
  const fields = fieldsOf(file, path);
  const rules = rulesOf(file, path);
  const multiplier = file.multiplier ?? whole.platform_multiplier;
  const price = priceRule(priceList(file.price, whole, [...path, 'price']), multiplier, fields, [...path, 'price']);
  const routes = routeNames(file, path).map((name): Route => {
    const at = [...path, 'routes', name];
    const written = file.routes[name];
    if (!written) throw new CatalogProblem(at, 'is missing');
    const adapter = means.adapters.get(written.provider);
    if (!adapter)
      throw new CatalogProblem(
        [...at, 'provider'],
        `is '${written.provider}'. Allowed: ${[...means.adapters.keys()].join(', ')}`,
      );
    if (!adapter.modalities.includes(file.modality))
      throw new CatalogProblem([...at, 'provider'], `${written.provider} does not make ${file.modality}`);
    if (!whole.lanes[written.lane])
      throw new CatalogProblem(
        [...at, 'lane'],
        `is '${written.lane}', which lanes lacks. Allowed: ${Object.keys(whole.lanes).join(', ')}`,
      );
    if (!written.endpoints && !written.endpoints_from && !written.sandbox)
      throw new CatalogProblem(at, 'needs endpoints or endpoints_from');
    const listed = priceList(written.upstream_price, whole, [...at, 'upstream_price']);
    const upstreamPrice = priceRule(listed, 1, fields, [...at, 'upstream_price']);
    const settings = settingsOf(written, adapter, readFile, at);
    return routeOf(
      `${id}/${name}`,
      written,
      { settings, upstreamPrice, synchronous: adapter.can(settings).synchronous },
      means,
    );
  });
  const input = z.strictObject(
    Object.fromEntries(Object.entries(fields).map(([name, spec]) => [name, fieldSchema(spec)])),
  );
  return {
    id,
    modality: file.modality,
    title: file.title,
    description: file.description,
    operations: operationsOf(file, path),
    fields,
    rules,
    refused: file.refused,
    clips: clipsOf(file, fields, path),
    input,
    inputJsonSchema: z.toJSONSchema(input, { io: 'input' }) as JsonObject,
    price,
    limits: JSON.parse(
      JSON.stringify(Object.fromEntries(Object.entries(fields).map(([name, spec]) => [name, limitOf(spec)]))),
    ) as JsonObject,
    routes,
    deadlineSeconds: file.deadline_seconds,
    created: Date.parse(file.created) / 1000,
  };
}

const isJobModel = (file: ModelFile | SyncModelFile): file is ModelFile => 'operations' in file;

function lanesOf(file: CatalogFile, models: readonly Model[]): Lane[] {
  return Object.entries(file.lanes).map(([id, lane]): Lane => {
    const endpoints = new Set(
      models.flatMap((model) => model.routes.filter((route) => route.lane === id).flatMap((route) => route.endpoints)),
    );
    const perEndpoint = lane.per_endpoint ?? null;
    return { id, perEndpoint, capacity: lane.capacity ?? (perEndpoint ?? 1) * Math.max(1, endpoints.size) };
  });
}

/**
 * Reads the shipped catalog and the operator's overlay. Throws CatalogError for anything that can't be served as written:
 * a price that is missing, a field no vocabulary has, a workflow that does not fit its mapping.
 */
export function loadCatalog(options: CatalogOptions): Catalog {
  const baseDir = options.baseDir ?? shippedCatalogDir();
  const overlayPath = options.overlayPath === null ? null : resolve(options.overlayPath);
  const base = readFolder(baseDir);
  const overlay = overlayPath === null ? {} : (readYaml(overlayPath, 'KILN_CATALOG') ?? {});
  if (!isObject(overlay))
    throw new CatalogError(
      `KILN_CATALOG ${String(overlayPath)}: must hold platform_multiplier, prices, lanes or models`,
    );
  const folders = [...(overlayPath === null ? [] : [dirname(overlayPath)]), join(dirname(baseDir), WORKFLOWS_DIR)];
  const texts = new Map<string, string>();
  const readFile = (name: string): string => {
    const folder = folders.find((dir) => existsSync(join(dir, name)));
    if (folder === undefined) throw new Error(`it is in none of ${folders.join(', ')}`);
    const text = readFileSync(join(folder, name), 'utf8');
    texts.set(name, text);
    return text;
  };
  try {
    const merged = mergePatch(base.catalog, overlay);
    const parsed = catalogFile.safeParse(merged);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw issue ? issueProblem(issue) : new CatalogProblem([], 'is not a catalog');
    }
    const means = {
      ...options,
      syncAdapters: options.syncAdapters ?? syncAdapters,
      usagePrices: parsed.data.usage_prices,
      multiplier: parsed.data.platform_multiplier,
    };
    const models: Model[] = [];
    const sync: SyncModel[] = [];
    for (const [id, file] of Object.entries(parsed.data.models)) {
      if (isJobModel(file)) models.push(modelOf(id, file, parsed.data, options, readFile));
      else sync.push(syncModelOf(id, file, routeNames(file, ['models', id]), means));
    }
    const hash = sha256Hex(canonicalJson({ merged, files: Object.fromEntries(texts) }));
    return new Catalog({ jobs: models, sync }, lanesOf(parsed.data, models), hash, options.now);
  } catch (error) {
    throw error instanceof CatalogProblem ? located(error, { fileOf: base.fileOf, overlayPath, overlay }) : error;
  }
}
