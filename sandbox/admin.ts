import type { FastifyInstance, FastifyReply } from 'fastify';
import type { AceStepServer } from './acestep/tasks.js';
import type { ComfyInstance } from './comfyui/instance.js';
import { NODES } from './comfyui/nodes.js';
import type { SandboxContext } from './context.js';
import { FAULTS, type FaultName, isFaultName } from './fault-table.js';
import { type ArmedFault, type Provider, PROVIDERS } from './faults.js';
import { CONTENT_MODELS } from './google/content-models.js';
import { INTERACTION_MODELS } from './google/interactions-validate.js';
import { VEO_MODELS } from './google/veo-submit.js';

/** A fault that was asked for wrongly, as a message; else the fault. */
function readFault(body: unknown): ArmedFault | string {
  const {
    provider = '*',
    fault,
    times = 1,
    value = null,
    match = null,
    ...rest
  } = (body ?? {}) as Record<string, unknown>;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) return `unknown field ${unknown}; known are provider, fault, times, value, match`;
  if (typeof fault !== 'string' || !isFaultName(fault))
    return `fault must be one of ${Object.keys(FAULTS).join(', ')}, got ${JSON.stringify(fault)}`;
  const name = fault;
  if (provider !== '*' && !PROVIDERS.some((known) => known === provider))
    return `provider must be one of *, ${PROVIDERS.join(', ')}, got ${JSON.stringify(provider)}`;
  if (times !== null && !(Number.isSafeInteger(times) && Number(times) > 0))
    return `times must be a whole number above 0, or null for always, got ${JSON.stringify(times)}`;
  if (value !== null && !(Number.isSafeInteger(value) && Number(value) >= 0))
    return `value must be a whole number, got ${JSON.stringify(value)}`;
  if (match !== null && typeof match !== 'string') return `match must be a string, got ${typeof match}`;
  const needsValue = ['ms', 'bytes', 'chunks'].includes(FAULTS[name].value);
  if (needsValue && value === null) return `fault ${name} needs a value (${FAULTS[name].value})`;
  return {
    provider: provider as Provider | '*',
    fault: name,
    times: times as number | null,
    value: value as number | null,
    match,
  };
}

function readProvider(value: string | undefined): Provider | undefined {
  return PROVIDERS.find((provider) => provider === value);
}

/** What the sandbox says about itself, and the switches that need no prompt. */
export function adminRoutes(context: SandboxContext, comfy: ComfyInstance[], acestep: AceStepServer, emulated: object) {
  const refuse = (reply: FastifyReply, message: string) => reply.code(400).send({ error: message });
  return async function register(app: FastifyInstance): Promise<void> {
    app.get('/', async () => describe(comfy.length, emulated));
    app.get('/_sandbox/health', async () => ({
      status: 'ok',
      speed: context.clock.speed,
      renders: context.studio.renders,
    }));
    app.get('/_sandbox/faults', async () => ({ faults: context.faults.list() }));
    app.post('/_sandbox/faults', async (request, reply) => {
      const fault = readFault(request.body);
      if (typeof fault === 'string') return refuse(reply, fault);
      context.faults.arm(fault);
      return reply.code(201).send(fault);
    });
    app.delete('/_sandbox/faults', async (_request, reply) => {
      context.faults.clear();
      return reply.code(204).send();
    });
    app.get<{ Querystring: { provider?: string; contains?: string } }>('/_sandbox/requests', async (request, reply) => {
      const { provider: name, contains } = request.query;
      const provider = readProvider(name);
      if (name !== undefined && provider === undefined)
        return refuse(reply, `provider must be one of ${PROVIDERS.join(', ')}, got ${name}`);
      const counts = Object.fromEntries(
        (provider === undefined ? PROVIDERS : [provider]).map((one) => [one, context.recorder.counts(one)]),
      );
      return { counts, requests: context.recorder.requests({ provider, contains }) };
    });
    app.delete('/_sandbox/requests', async (_request, reply) => {
      context.recorder.clear();
      return reply.code(204).send();
    });
    app.post<{ Body: { speed?: unknown } | undefined }>('/_sandbox/speed', async (request, reply) => {
      const speed = request.body?.speed;
      if (typeof speed !== 'number' || !Number.isFinite(speed) || speed < 0)
        return refuse(reply, `speed must be a number of 0 or more, got ${JSON.stringify(speed)}`);
      context.clock.speed = speed;
      return { speed };
    });
    app.post<{ Params: { instance: string } }>('/_sandbox/comfyui/:instance/restart', async (request, reply) => {
      const instance = comfy[Number(request.params.instance)];
      if (instance === undefined) return reply.code(404).send({ error: `there are ${comfy.length} ComfyUI instances` });
      instance.restart();
      return { restarted: Number(request.params.instance) };
    });
    app.post('/_sandbox/acestep/restart', async () => {
      acestep.restart();
      return { restarted: true };
    });
  };
}

function describe(comfyInstances: number, emulated: object): object {
  return {
    name: 'Kiln sandbox',
    says: 'Emulators of provider wires that render real media without a model.',
    emulates: {
      vertex: {
        base: '/vertex/v1/projects/{project}/locations/{location}/publishers/google',
        auth: 'Authorization: Bearer',
        models: [...VEO_MODELS, ...Object.keys(CONTENT_MODELS)],
      },
      gemini: {
        base: '/gemini/v1beta',
        auth: 'x-goog-api-key',
        models: [...new Set([...VEO_MODELS, ...Object.keys(CONTENT_MODELS), ...Object.keys(INTERACTION_MODELS)])],
      },
      comfyui: {
        bases: Array.from({ length: comfyInstances }, (_, index) => `/comfyui/${index}`),
        auth: null,
        nodes: Object.keys(NODES),
      },
      acestep: { base: '/acestep', auth: 'Authorization: Bearer, or ai_token in the body' },
      ...emulated,
    },
    switches: {
      marker: '[[sandbox:NAME]] or [[sandbox:NAME=VALUE]] anywhere in a prompt',
      admin: {
        'POST /_sandbox/faults': '{provider, fault, times?, value?, match?}; GET lists, DELETE clears',
        'GET /_sandbox/requests': '?provider=&contains=; DELETE forgets',
        'POST /_sandbox/speed': '{speed}',
        'POST /_sandbox/sleep': '{prefix, mode?: hold|502|503|504, wake_ms}: the server has scaled to zero; GET lists',
        'POST /_sandbox/comfyui/{n}/restart': 'loses queue and history',
        'POST /_sandbox/acestep/restart': 'loses what has not finished',
      },
      faults: Object.fromEntries(
        (Object.keys(FAULTS) as FaultName[]).map((name) => [
          name,
          { phase: FAULTS[name].phase, value: FAULTS[name].value, says: FAULTS[name].says },
        ]),
      ),
    },
  };
}
