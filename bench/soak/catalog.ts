import { SANDBOX_KEY } from '../kiln.js';

/** Wider than any soak needs: the providers' own limits are not what is looked at. */
const LANE = 'bench';
const DEADLINE_SECONDS = 180;

/** The shipped aliases on a sandbox of the soak's own, with the patience of a test instead of a provider's. */
export function soakModels(sandboxUrl: string): Record<string, unknown> {
  const route = (path: string | null, more: Record<string, unknown> = {}): Record<string, unknown> => ({
    ...(path === null ? {} : { endpoints: [sandboxUrl + path] }),
    scale_to_zero: false,
    bridge: false,
    retires_on: null,
    max_run_seconds: 60,
    submit_timeout_ms: 5000,
    poll_interval_ms: 400,
    polls_per_second: null,
    expected_seconds: 1,
    ...more,
  });
  const wide = { lane: LANE };
  // A provider that stays busy is waited for until then.
  const patience = { deadline_seconds: DEADLINE_SECONDS };
  const fal = route('/fal', wide);
  return {
    'flux-dev': {
      ...patience,
      routes: {
        fal,
        replicate: route('/replicate/v1', wide),
        comfyui: route(null),
        'fal-lora': null,
        'replicate-lora': null,
      },
      route_order: ['fal', 'replicate', 'comfyui'],
    },
    'gpt-image-1.5': { ...patience, routes: { openai: route(null, wide), successor: null, fal: null } },
    'ace-step': { ...patience, routes: { turbo: route(null), base: null, comfyui: null, fal: null } },
    'veo-3.1-fast': { ...patience, routes: { vertex: null, gemini: route(null, wide), fal: null } },
    'wan-2.2': { ...patience, routes: { comfyui: route(null), fal: null } },
  };
}

/** Where the providers are, as an operator names them. */
export function soakEnvironment(sandboxUrl: string): Record<string, string> {
  const endpoints = {
    OPENAI: ['/openai/v1'],
    OPENROUTER: ['/openrouter/api/v1'],
    DEEPSEEK: ['/deepseek'],
    DEEPINFRA: ['/deepinfra/v1/openai'],
    ANTHROPIC: ['/anthropic'],
    VLLM_CHAT: ['/vllm/v1'],
    GEMINI: ['/gemini/v1beta'],
    COMFYUI: ['/comfyui/0', '/comfyui/1'],
    ACESTEP: ['/acestep'],
  };
  const hosted = ['OPENAI', 'OPENROUTER', 'DEEPSEEK', 'DEEPINFRA', 'ANTHROPIC', 'GEMINI', 'FAL', 'REPLICATE'];
  const credentials = [...hosted, 'VLLM', 'ACESTEP'];
  return {
    ...Object.fromEntries(
      Object.entries(endpoints).map(([name, paths]) => [
        `KILN_ENDPOINTS_${name}`,
        paths.map((path) => sandboxUrl + path).join(','),
      ]),
    ),
    ...Object.fromEntries(credentials.map((name) => [`KILN_CREDENTIAL_${name}`, `api_key:${SANDBOX_KEY}`])),
  };
}
