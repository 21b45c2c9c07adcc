package registry

import "time"

// Underway returns how many statements are on their way, from [Registry.Submit]
// to their receipts.
func (r *Registry) Underway() int { return len(r.places) }

// Cosigned returns the time of the newest cosignature of the published
// checkpoint, zero where it has none.
func (r *Reader) Cosigned() time.Time { return r.shown().cosigned }
