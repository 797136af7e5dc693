import { Controller, Get, Param, UseGuards } from '@nestjs/common';
import { Catalog } from '../../catalog/catalog.service.js';
import type { Model } from '../../catalog/schema.js';
import type { SyncModel } from '../../catalog/sync-schema.js';
import { KilnError } from '../../common/errors.js';
import { systemClock } from '../../common/time.js';
import { type AuthKey, isModelAllowed } from '../../keys/auth-key.js';
import { CurrentKey, KeyGuard } from '../../keys/key.guard.js';
import { Keys } from '../../keys/keys.js';
import { isLive, type ModelView, modelView, syncModelView } from './model-view.js';

export interface ModelList {
  object: 'list';
  data: ModelView[];
  has_more: false;
  first_id: string | null;
  last_id: string | null;
}

/** The aliases a key may call: the list and each model are valid answers to OpenAI's and to Anthropic's clients. */
@Controller('v1/models')
@UseGuards(KeyGuard)
export class ModelsController {
  constructor(
    private readonly catalog: Catalog,
    private readonly keys: Keys,
  ) {}

  /** Leaves out what nothing serves here. */
  @Get()
  list(@CurrentKey() key: AuthKey): ModelList {
    const now = systemClock();
    const isShown = ({ id, routes }: Model | SyncModel): boolean =>
      isModelAllowed(key, id) && routes.some((route) => isLive(route, now));
    const syncs = this.catalog.syncs().filter(isShown);
    const models = this.catalog.models().filter(isShown);
    const data = [...syncs.map((model) => syncModelView(model, now)), ...models.map((model) => modelView(model, now))];
    return {
      object: 'list',
      data,
      has_more: false,
      first_id: data.at(0)?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
    };
  }

  /** Ids hold slashes: raw (`hexgrad/Kokoro-82M`) they are more path, from SDKs they come as %2F. */
  @Get('*')
  get(@CurrentKey() key: AuthKey, @Param('*') id: string): ModelView {
    const model =
      this.catalog.listedSync(id) ?? this.catalog.sync(id) ?? this.catalog.listed(id) ?? this.catalog.get(id);
    if (!model) {
      throw new KilnError(404, 'not_found', `No model '${id.slice(0, 128)}' exists; GET /v1/models lists them.`, {
        code: 'model_not_found',
        param: 'model',
      });
    }
    this.keys.assertModelAllowed(key, model.id);
    const now = systemClock();
    return 'operations' in model ? modelView(model, now) : syncModelView(model, now);
  }
}
