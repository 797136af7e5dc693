import { z } from 'zod';
import type { JsonObject } from '../../../common/json.js';
import type { SyncAdapter, SyncCall, SyncContext, SyncKind, SyncResponse } from '../contract.js';
import { keyOf, post } from '../send.js';

type Kind = Exclude<SyncKind, 'messages' | 'count_tokens'>;

/** As in OpenAI's API reference; every compatible server has these paths below its base URL. */
const PATHS: Readonly<Record<Kind, string>> = {
  chat: '/chat/completions',
  responses: '/responses',
  embeddings: '/embeddings',
  speech: '/audio/speech',
  transcription: '/audio/transcriptions',
};

interface Vendor {
  kinds: readonly Kind[];
  /** Fields the vendor wants beside the client's. */
  body?: JsonObject;
  /** Gives a chat request what a model of the vendor needs and no client sends. */
  fit?: (model: string, body: JsonObject) => JsonObject;
}

const settings = (
  kinds: readonly Kind[],
): z.ZodType<{ kinds: Kind[]; body: JsonObject; duration_in?: 'verbose_json' | undefined }> =>
  z.strictObject({
    /** What this model is asked on this server. */
    kinds: z.array(z.enum(Object.keys(PATHS) as [Kind, ...Kind[]])).default([...kinds]),
    /** Fields set in every request: an operator's choice of the server's own options. */
    body: z.record(z.string(), z.json()).default({}),
    /** Of transcriptions: only this form says how long the audio was, so it is always asked for. */
    duration_in: z.literal('verbose_json').optional(),
  });

async function formOf(call: SyncCall, fields: JsonObject): Promise<FormData> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (Array.isArray(value)) for (const one of value) form.append(`${name}[]`, textOf(one));
    else if (value !== null) form.append(name, textOf(value));
  }
  if (call.file) {
    const blob = await call.file.blob();
    form.append(call.file.field, new File([blob], call.file.filename, { type: call.file.contentType }));
  }
  return form;
}

const textOf = (value: JsonObject[string]): string => (typeof value === 'string' ? value : JSON.stringify(value));

/**
 * A server that speaks as OpenAI's API does: bearer key, JSON in, JSON or server-sent events out, forms for audio. Vendors
 * differ in what they serve and in a field or two.
 */
export function openAiCompatible(id: string, vendor: Vendor): SyncAdapter {
  return {
    id,
    settings: settings(vendor.kinds),
    kinds: (written) => (written as { kinds: Kind[] }).kinds,
    async send(call: SyncCall, ctx: SyncContext): Promise<SyncResponse> {
      const kind = call.kind as Kind;
      const { body } = call.settings as { body: JsonObject };
      const fitted = kind === 'chat' && vendor.fit ? vendor.fit(call.model, call.body) : call.body;
      const whole = { model: call.model, ...fitted, ...vendor.body, ...body };
      const key = keyOf(ctx.credential);
      const headers: Record<string, string> = key === null ? {} : { authorization: `Bearer ${key}` };
      const url = `${ctx.endpoint}${PATHS[kind]}`;
      if (kind === 'transcription') return post(url, { headers, body: await formOf(call, whole) }, call, ctx);
      const json = { headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(whole) };
      return post(url, json, call, ctx);
    },
  };
}
