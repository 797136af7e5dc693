import type { z } from 'zod';
import { messageOf } from '../common/errors.js';
import type { JsonObject } from '../common/json.js';
import { SettingsError, type Adapter } from '../providers/contract.js';
import type { RouteFile } from './catalog-file.js';
import { CatalogProblem } from './model-fields.js';
import type { SyncRouteFile } from './sync-file.js';
import type { PriceRule, Route, RouteBase } from './schema.js';

/** What a process has to serve routes with. */
export interface RouteMeans {
  /** Base URL of the sandbox, the credential it asks for, and the factor on its generation times (default 1); null where there is none. */
  sandbox: { url: string; credential: string; speed?: number } | null;
  hasCredential(name: string): boolean;
  /** Base URLs of KILN_ENDPOINTS_{name}; empty where it is not set. */
  endpointsFrom(name: string): string[];
  adapters: ReadonlyMap<string, Adapter>;
}

/** Name under which the sandbox's credential is known. */
export const SANDBOX_CREDENTIAL = 'sandbox';

const withoutSlash = (url: string): string => url.replace(/\/+$/, '');

const issueText = (issue: z.core.$ZodIssue): string => [issue.path.join('.'), issue.message].filter(Boolean).join(': ');

/** Settings with the files they name read in, checked by the adapter. */
export function settingsOf(
  file: RouteFile,
  adapter: Adapter,
  readFile: (name: string) => string,
  path: readonly string[],
): JsonObject {
  const at = [...path, 'settings'];
  let written: JsonObject;
  try {
    written = adapter.resolveSettings ? adapter.resolveSettings(file.settings, readFile) : file.settings;
  } catch (error) {
    if (error instanceof SettingsError) throw new CatalogProblem(at, error.message);
    throw new CatalogProblem(at, `can't be read: ${messageOf(error)}`);
  }
  const parsed = adapter.settings.safeParse(written);
  if (parsed.success) return parsed.data;
  throw new CatalogProblem(at, parsed.error.issues.map(issueText).join('; '));
}

type Served = Pick<RouteBase, 'endpoints' | 'credential' | 'sandbox' | 'disabled'>;
type AnyRouteFile = RouteFile | SyncRouteFile;

/** Who serves the route here: its own endpoints where all is given, else the sandbox, else nobody and why. */
function servedBy(file: AnyRouteFile, means: RouteMeans): Served {
  const own = file.endpoints_from ? means.endpointsFrom(file.endpoints_from).map(withoutSlash) : [];
  const endpoints = own.length > 0 ? own : (file.endpoints ?? []);
  const held = file.credential !== undefined && means.hasCredential(file.credential);
  const lacking = [
    ...(endpoints.length === 0 ? [file.endpoints_from ? `KILN_ENDPOINTS_${file.endpoints_from}` : 'endpoints'] : []),
    ...(file.credential !== undefined && !held && !file.credential_optional ? [`credential '${file.credential}'`] : []),
  ];
  if (lacking.length === 0)
    return { endpoints, credential: held ? (file.credential ?? null) : null, sandbox: false, disabled: null };
  if (means.sandbox && file.sandbox) {
    const base = withoutSlash(means.sandbox.url);
    return {
      endpoints: file.sandbox.paths.map((at) => base + at),
      credential: SANDBOX_CREDENTIAL,
      sandbox: true,
      disabled: null,
    };
  }
  return { endpoints: [], credential: null, sandbox: false, disabled: `${lacking.join(' and ')} not set` };
}

const IDLE_SECONDS = 300;
const START_SECONDS = 600;

function scaleToZeroOf(written: RouteFile['scale_to_zero']): Route['scaleToZero'] {
  if (written === false) return null;
  const { idle_seconds: idleSeconds = IDLE_SECONDS, start_seconds: startSeconds = START_SECONDS } =
    written === true ? {} : written;
  return { idleSeconds, startSeconds };
}

/** What every route is, as this process can use it. */
export function baseOf(id: string, file: AnyRouteFile, settings: JsonObject, means: RouteMeans): RouteBase {
  const served = servedBy(file, means);
  const pace = served.sandbox && file.sandbox ? file.sandbox : file;
  return {
    id,
    provider: file.provider,
    model: file.model,
    ...served,
    settings,
    retiresOn: file.retires_on ?? null,
    substitute: file.substitute,
    bridge: file.bridge,
    scaleToZero: scaleToZeroOf(pace.scale_to_zero),
    weight: file.weight ?? null,
  };
}

/** A job's route as this process can use it. */
export function routeOf(
  id: string,
  file: RouteFile,
  parts: { settings: JsonObject; upstreamPrice: PriceRule; synchronous: boolean },
  means: RouteMeans,
): Route {
  const { settings, ...rest } = parts;
  const base = baseOf(id, file, settings, means);
  const pace = base.sandbox && file.sandbox ? file.sandbox : file;
  return {
    ...base,
    ...rest,
    lane: file.lane,
    capacity: file.capacity ?? null,
    spill: typeof file.spill === 'string' ? file.spill : { afterMs: file.spill.after_ms },
    maxRunSeconds: file.max_run_seconds,
    submitTimeoutMs: file.submit_timeout_ms,
    pollIntervalMs: pace.poll_interval_ms,
    pollsPerSecond: file.polls_per_second,
    expectedSeconds: base.sandbox
      ? Math.max(pace.expected_seconds * (means.sandbox?.speed ?? 1), 1)
      : pace.expected_seconds,
    unknownTtlSeconds: file.unknown_ttl_seconds,
  };
}
