import { Controller, Get, Param, UseGuards } from '@nestjs/common';
import { Catalog } from '../../catalog/catalog.service.js';
import type { RouteBase } from '../../catalog/schema.js';
import { KilnError } from '../../common/errors.js';
import { systemClock } from '../../common/time.js';
import { type AuthKey, isModelAllowed } from '../../keys/auth-key.js';
import { CurrentKey, KeyGuard } from '../../keys/key.guard.js';
import { Keys } from '../../keys/keys.js';
import { isLive, type ModelView, modelView } from './model-view.js';
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
    const served = ({ id, routes }: { id: string; routes: readonly RouteBase[] }): boolean =>
      isModelAllowed(key, id) && routes.some((route) => isLive(route, now));
    const data = [
      ...this.catalog
        .syncs()
        .filter(served)
        .map((model) => syncModelView(model, now)),
      ...this.catalog
        .models()
        .filter(served)
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
    const sync = this.catalog.listedSync(id) ?? this.catalog.sync(id);
    const job = this.catalog.listed(id) ?? this.catalog.get(id);
    const now = systemClock();
    const view = sync ? syncModelView(sync, now) : job && modelView(job, now);
    if (!view) {
      throw new KilnError(404, 'not_found', `No model '${id.slice(0, 128)}' exists; GET /v1/models lists them.`, {
        code: 'model_not_found',
        param: 'model',
      });
    }
    this.keys.assertModelAllowed(key, id);
    return view;
  }
}
