import { ARTIFACT_MAX_BYTES } from '../../artifact-stream.js';
import { ProviderError, type Artifact, type MediaTask, type ProviderContext, type Submitted } from '../../contract.js';
import { encodePath, parseBody, request, SUBMIT_TIMEOUT_MS } from '../../exchange.js';
import { fromTransport } from '../../http-errors.js';
import { takeValues, withoutValues } from '../../json-values.js';
import { JSON_TYPE, type Authorise } from '../auth.js';
import { answerOf, toError } from '../error.js';
import type { Surface } from '../options.js';
import { DATA_KEY, numbered, SIGNATURE_KEY } from '../result.js';
import { toWire } from './request.js';
import { fromContent } from './result.js';
import { contentAnswer } from './wire.js';

/** generateContent: one call that takes as long as the work, and answers with it. */
export function contentCalls(authorise: Authorise) {
  return {
    async submit(task: MediaTask, surface: Surface, ctx: ProviderContext): Promise<Submitted> {
      const wanted = task.modality === 'music' ? 'audio' : 'image';
      const { body, warnings } = await toWire(task, surface);
      const response = await request(
        ctx,
        `${ctx.endpoint}/models/${encodePath(task.model)}:generateContent`,
        {
          method: 'POST',
          headers: { ...JSON_TYPE, ...(await authorise(ctx, surface)) },
          body: JSON.stringify(body),
          timeoutMs: SUBMIT_TIMEOUT_MS,
          maxBytes: ARTIFACT_MAX_BYTES,
        },
        'buys',
      );
      if (response.status !== 200) throw toError(await answerOf(response), 'buys', ctx.now());
      // What a value is stands beside it, before or after: everything is kept, and drafts are left lying.
      const { text, values } = await takeValues(withoutValues(response.body, SIGNATURE_KEY), DATA_KEY, async (value) =>
        ctx.keep({ type: wanted }, value),
      ).catch((error: unknown) => {
        throw fromTransport(error, 'buys');
      });
      const found = fromContent(parseBody(contentAnswer, numbered(text), 'buys'), wanted);
      const artifacts = found.map(({ ordinal, mimeType }): Artifact => {
        const kept = values[ordinal];
        if (!kept) throw new ProviderError('internal', 'unknown', 'a result that was announced was not in the answer');
        return { ...kept, contentType: mimeType };
      });
      const other = body.generationConfig.responseMimeType && found.find(({ mimeType }) => !mimeType.includes('wav'));
      if (other) warnings.push(`format wav was asked for; the provider made ${other.mimeType}`);
      return { taskId: null, artifacts, ...(warnings.length > 0 && { warnings }) };
    },
  };
}
