import { Injectable } from '@nestjs/common';
import { StorageHealth } from '../jobs/engine/storage-health.js';

const MAX_AGE_MS = 30_000;

/** What this process knows of the object store. Workers look by themselves; others look when they are asked, in the background. */
@Injectable()
export class StorageProbe {
  private checkedAt = 0;

  constructor(private readonly health: StorageHealth) {}

  healthy(): boolean {
    return this.health.healthy();
  }

  refresh(now = Date.now()): void {
    if (now - this.checkedAt < MAX_AGE_MS) return;
    this.checkedAt = now;
    // A failure is what `healthy` says next time.
    this.health.check().catch(() => undefined);
  }
}
