import { Injectable } from '@nestjs/common';
import { Admission } from '../admission/admission.js';
import { AdmissionRepository } from '../admission/admission.repository.js';

/** The engine's hands on lanes. */
@Injectable()
export class Lanes {
  constructor(
    readonly admission: Admission,
    readonly rows: AdmissionRepository,
  ) {}
}
