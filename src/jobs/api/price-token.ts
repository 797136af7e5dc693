import { Injectable } from '@nestjs/common';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { invalidRequest } from '../../common/errors.js';
import { sha256Hex } from '../../common/ids.js';
import { canonicalJson, type JsonObject } from '../../common/json.js';
import type { PriceSnapshot } from '../../billing/price.js';
import { Keyring } from '../../config/secret.js';

export const QUOTE_LIFE_SECONDS = 900;

const payload = z.object({
  k: z.string(),
  m: z.string(),
  i: z.string(),
  e: z.int(),
  p: z.looseObject({ amountMicroUsd: z.int() }),
});

/** `quote_id`: a signed statement that this key gets this input at this price until then; nothing is stored. */
@Injectable()
export class PriceTokens {
  private readonly keys: readonly Buffer[];

  constructor(keyring: Keyring) {
    this.keys = keyring.keys('quotes').map((one) => one.key);
  }

  sign(quote: { keyId: string; model: string; input: JsonObject; price: PriceSnapshot; expiresAt: Date }): string {
    const content = {
      k: quote.keyId,
      m: quote.model,
      i: fingerprint(quote.input),
      e: Math.floor(quote.expiresAt.getTime() / 1000),
      p: quote.price,
    };
    const text = Buffer.from(JSON.stringify(content)).toString('base64url');
    return `quote_${text}.${this.mac(this.keys[0], text)}`;
  }

  /** The pinned price; 400 where the token is not one of ours, is over, or was made for something else. */
  read(token: string, request: { keyId: string; model: string; input: JsonObject; now: Date }): PriceSnapshot {
    const refuse = (why: string) =>
      invalidRequest(`'quote_id' ${why}; ask POST /v1/jobs/quote for another.`, 'quote_id');
    const [, text = '', mac = ''] = /^quote_([^.]+)\.([^.]+)$/.exec(token) ?? [];
    if (text === '' || !this.keys.some((key) => same(this.mac(key, text), mac)))
      throw refuse('is not a quote of this service');
    const parsed = payload.safeParse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
    if (!parsed.success) throw refuse('is not a quote of this service');
    const { k, m, i, e, p } = parsed.data;
    if (k !== request.keyId || m !== request.model || i !== fingerprint(request.input))
      throw refuse('was made for another model or input');
    if (e * 1000 <= request.now.getTime()) throw refuse(`expired at ${new Date(e * 1000).toISOString()}`);
    return p as unknown as PriceSnapshot;
  }

  private mac(key: Buffer | undefined, text: string): string {
    if (!key) throw new Error('no secret is configured');
    return createHmac('sha256', key).update(text).digest('base64url');
  }
}

/** Compared as bytes: text of one length may have two lengths in UTF-8. */
function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** The prompt does not change a price: a quote stays good while a user still edits the text. */
function fingerprint(input: JsonObject): string {
  const { prompt: _prompt, negative_prompt: _negative, lyrics: _lyrics, seed: _seed, ...priced } = input;
  return sha256Hex(canonicalJson(priced)).slice(0, 32);
}
