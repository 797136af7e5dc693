import type { SandboxWire } from '../wire.js';

/**
 * What vLLM serves at its root beside `/v1`, without a key: `/health` for readiness, `/version`. Cold starts are
 * `POST /_sandbox/sleep {prefix: "/vllm", …}`, which is before all of them.
 */
export async function openVllmRoot(): Promise<SandboxWire> {
  return {
    prefix: '/vllm',
    routes: async (app) => {
      app.get('/health', async (_request, reply) => reply.code(200).send());
      app.get('/version', async () => ({ version: '0.12.0' }));
    },
    emulates: {},
  };
}
