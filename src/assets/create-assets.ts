import type { Database } from '../database/database.js';
import type { Egress } from '../egress/egress.js';
import type { Media } from '../media/media.js';
import type { Enqueue } from '../queue/enqueue.js';
import type { ObjectStore } from '../storage/object-store.js';
import type { AssetsOptions } from './assets-options.js';
import { Files } from './files.js';
import { Links } from './links.js';
import { Outputs } from './outputs.js';
import { OutputsRepository } from './outputs.repository.js';
import { ReferenceFetch } from './reference-fetch.js';
import { References, ReferenceSources } from './references.js';
import { ReferencesRepository } from './references.repository.js';
import { UploadDecision } from './upload-decision.js';
import { UploadSignals } from './upload-signals.js';
import { Uploads } from './uploads.js';
import { UploadsRepository } from './uploads.repository.js';

export interface AssetsParts {
  db: Database;
  store: ObjectStore;
  media: Media;
  egress: Egress;
  queue: Pick<Enqueue, 'enqueue'>;
  options: AssetsOptions;
}

/** Wires the module's services; one set a process, because waiting requests are told through memory. */
export function createAssets({ db, store, media, egress, queue, options }: AssetsParts): {
  uploads: Uploads;
  references: References;
  outputs: Outputs;
  links: Links;
  files: Files;
} {
  const links = new Links(options);
  const signals = new UploadSignals();
  const uploadRows = new UploadsRepository(db);
  const outputRows = new OutputsRepository(db);
  const referenceRows = new ReferencesRepository(db);
  const decision = new UploadDecision(uploadRows, store, media, signals, options);
  const uploads = new Uploads(uploadRows, store, queue, decision, signals, links, options);
  const fetch = new ReferenceFetch(db, referenceRows, uploadRows, store, egress, decision, options);
  const sources = new ReferenceSources(store, egress, links);
  return {
    uploads,
    references: new References(referenceRows, uploads, outputRows, fetch, sources),
    outputs: new Outputs(outputRows, store, media, links, options),
    links,
    files: new Files(uploadRows, outputRows, store, links, options),
  };
}
