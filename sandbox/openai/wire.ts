import type { SandboxContext } from '../context.js';
import { Generations } from '../generations.js';
import { chatRoutes } from '../text/chat/routes.js';
import { responsesRoutes } from '../text/responses/routes.js';
import { OPENAI } from '../text/vendors.js';
import type { SandboxWire } from '../wire.js';
import { answerOpenAIError, checkKey, OpenAIError } from './errors.js';
import { IMAGE_MODELS } from './image-request.js';
import { imageRoutes } from './images.js';
import { VIDEO_MODELS, type VideoRequest } from './video-request.js';
import { videoRoutes } from './videos.js';

const LIFETIME_MS = 86_400_000;

/** OpenAI's Videos, Images and text APIs below `/openai/v1`. Models that OpenAI has retired go on here. */
export async function openOpenAI(context: SandboxContext): Promise<SandboxWire> {
  const videos = await Generations.open<VideoRequest>(context, 'openai', LIFETIME_MS);
  const closing = new AbortController();
  return {
    prefix: '/openai/v1',
    routes: async (app) => {
      app.setErrorHandler(answerOpenAIError);
      app.setNotFoundHandler((request) => {
        throw new OpenAIError(404, `Invalid URL (${request.method} ${request.url})`);
      });
      app.addHook('onRequest', async (request) => checkKey(request, context.key));
      await app.register(videoRoutes(context, videos));
      await app.register(imageRoutes(context, closing.signal));
      await app.register(chatRoutes(context, OPENAI, closing.signal));
      await app.register(responsesRoutes(context, closing.signal));
    },
    emulates: {
      openai: {
        base: '/openai/v1',
        auth: 'Authorization: Bearer',
        models: [...VIDEO_MODELS, ...IMAGE_MODELS, ...Object.keys(OPENAI.models)],
      },
    },
    close: () => closing.abort(),
  };
}
