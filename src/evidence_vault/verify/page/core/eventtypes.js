/** The fixed list of committed fields of each type of event (schemas/events/). */

/** @type {Map<string, string[]>} */
export const FIELDS = new Map(
  Object.entries({
    "vault-created": "actor",
    "accession-opened": "actor received_at received_from received_via terms",
    "accession-closed": "actor outcome refused taken_in",
    ingested:
      "accession actor case caveats classification collector_code content_sha256 " +
      "content_sha512 content_size custody_before description format language metadata " +
      "occurred_at place received_at received_from received_via source_code source_path " +
      "source_times title violation",
    "received-again":
      "accession actor case caveats classification collector_code custody_before " +
      "description language occurred_at place received_at received_from received_via " +
      "source_code source_path source_times title violation",
    described:
      "actor case caveats classification collector_code custody_before description language " +
      "occurred_at place received_at received_from received_via source_code title violation",
    accessed: "actor members purpose",
    exported:
      "actor bundle_id counts fields_shown kind members payload_manifest profile proofs " +
      "purpose recipient",
    "fixity-checked": "actor counts findings members method",
    "key-enrolled": "actor purpose",
    "key-revoked": "actor purpose",
    granted: "actor members purpose reader rewrapped",
    withdrawn: "actor purpose reader",
    anchored: "actor",
    "trust-recorded": "actor purpose",
    derived:
      "actor content_sha256 content_sha512 content_size format kind parent purpose " +
      "statement",
    "derivation-refused": "actor kind parent purpose statement",
    "foreign-custody-recorded": "actor bundle_id foreign receipt_sha256 verified",
    "transfer-offered": "actor members purpose receiver transfer_id",
    "transfer-accepted":
      "accession actor content_sha256 content_sha512 content_size foreign format metadata " +
      "transfer_id",
    "transfer-acknowledged": "acknowledgement actor members receiver transfer_id",
    removed: "actor members purpose transfer_id",
    stored: "actor objects",
    "hold-placed": "actor case hold_id members objects purpose",
    "hold-released": "actor hold_id members objects purpose",
    "retention-set": "actor case members mode objects purpose until",
    "replica-enrolled": "actor purpose replica",
    "replica-synced": "actor counts head replica",
    "replica-retired": "actor purpose replica",
    repaired: "actor members objects purpose replica",
    migrated: "actor counts moved_from moved_to purpose",
    linked: "actor other purpose relation",
    unlinked: "actor other purpose relation",
  }).map(([type, names]) => [type, names.split(" ")]),
);

/** Types by which an item comes into a log. */
export const ARRIVALS = ["ingested", "transfer-accepted"];
