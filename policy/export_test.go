package policy

// InWords is how decisions write a duration.
var InWords = inWords

// Codes are all codes.
func Codes() []Code { return codes }

// ChangeOf is what would have to change about a reason.
func ChangeOf(r Reason) string { return r.change() }

// MaxParts bounds [Kept].
const MaxParts = maxParts

// Kept is how many parts histories keep, as counted and as they are.
func Kept(h *Histories) (counted, there int) {
	for _, c := range h.all.casts {
		there += c.parts()
	}
	for _, s := range h.all.scenes {
		there += s.parts()
	}
	return h.all.kept, there
}
