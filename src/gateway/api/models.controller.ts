import { Controller, Get, Param, UseGuards } from '@nestjs/common';
import { Catalog } from '../../catalog/catalog.service.js';
import type { Model, RouteBase } from '../../catalog/schema.js';
import type { SyncModel } from '../../catalog/sync-schema.js';
import { KilnError } from '../../common/errors.js';
import { systemClock } from '../../common/time.js';
import { type AuthKey, isModelAllowed } from '../../keys/auth-key.js';
import { CurrentKey, KeyGuard } from '../../keys/key.guard.js';
import { Keys } from '../../keys/keys.js';
import { liveRoutes, type ModelView, modelView } from './model-view.js';
import { type SyncModelView, syncModelView } from './sync-model-view.js';

export interface ModelList {
  object: 'list';
  data: (ModelView | SyncModelView)[];
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
    const isShown = (model: Pick<Model | SyncModel, 'id' | 'routes'>): boolean =>
      isModelAllowed(key, model.id) && liveRoutes<RouteBase>(model, now).length > 0;
    const data = [
      ...this.catalog
        .syncs()
        .filter(isShown)
        .map((model) => syncModelView(model, now)),
      ...this.catalog
        .models()
        .filter(isShown)
        .map((model) => modelView(model, now)),
    ];
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
  get(@CurrentKey() key: AuthKey, @Param('*') id: string): ModelView | SyncModelView {
    const now = systemClock();
    const sync = this.catalog.listedSync(id) ?? this.catalog.sync(id);
    if (sync) {
      this.keys.assertModelAllowed(key, sync.id);
      return syncModelView(sync, now);
    }
    const model = this.catalog.listed(id) ?? this.catalog.get(id);
    if (!model) {
      throw new KilnError(404, 'not_found', `No model '${id.slice(0, 128)}' exists; GET /v1/models lists them.`, {
        code: 'model_not_found',
        param: 'model',
        shouldRetry: false,
      });
    }
    this.keys.assertModelAllowed(key, model.id);
    return modelView(model, now);
  }
}
