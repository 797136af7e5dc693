import type { FastifyInstance } from 'fastify';
import type { SandboxContext } from '../context.js';
import { checkKey, OpenAIError } from '../openai/errors.js';
import type { SandboxWire } from '../wire.js';
import { answerErrorsOf } from './errors.js';
import { AUDIO_HOSTS, type AudioHost, modelsOf } from './hosts.js';
import { SpokenMemory } from './memory.js';
import { type AudioDesk, speechRoutes } from './speech.js';
import { transcriptionRoutes } from './transcriptions.js';

/**
 * Sound in OpenAI's format, at every provider that serves some: what is spoken at one can be transcribed at another.
 * `/whisper/v1` and `/kokoro/v1` are servers of one's own, with `/health` beside `/v1`.
 */
export async function openSpeech(context: SandboxContext): Promise<SandboxWire> {
  const closing = new AbortController();
  const desk: AudioDesk = { context, spoken: new SpokenMemory(), closing: closing.signal };
  return {
    prefix: '',
    routes: async (app) => {
      for (const host of AUDIO_HOSTS) await app.register(hostRoutes(desk, host), { prefix: host.prefix });
      app.get('/whisper/health', (_request, reply) => reply.type('text/plain').send('OK'));
      app.get('/kokoro/health', async () => ({ status: 'healthy' }));
    },
    emulates: Object.fromEntries(
      AUDIO_HOSTS.filter(({ isKeyed }) => !isKeyed).map((host) => [host.provider, about(host)]),
    ),
    close: () => closing.abort(),
  };
}

function hostRoutes(desk: AudioDesk, host: AudioHost) {
  return async function register(app: FastifyInstance): Promise<void> {
    const { isKeyed, speech, transcription } = host;
    app.setErrorHandler(answerErrorsOf(host));
    if (isKeyed) app.addHook('onRequest', async (request) => checkKey(request, desk.context.key));
    if (speech !== null) await app.register(speechRoutes(desk, { ...host, speech }));
    if (transcription !== null) await app.register(transcriptionRoutes(desk, { ...host, transcription }));
    if (!isKeyed) selfHosted(app, host);
  };
}

/** What a server of one's own says about itself; a vendor's list of models is its text wire's. */
function selfHosted(app: FastifyInstance, host: AudioHost): void {
  app.setNotFoundHandler(() => {
    throw new OpenAIError(404, 'Not Found');
  });
  app.get('/models', async () => ({
    object: 'list',
    data: modelsOf(host).map((id) => ({ id, object: 'model', created: 1_686_935_002, owned_by: host.provider })),
  }));
  const voices = [...new Set(Object.values(host.speech?.models ?? {}).flatMap((model) => model.voices))];
  if (host.speech !== null)
    app.get('/audio/voices', async () => ({ voices: voices.map((name) => ({ id: name, name })) }));
}

function about(host: AudioHost): object {
  return { base: host.prefix, auth: null, models: modelsOf(host) };
}
