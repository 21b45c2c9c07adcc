package policy

// InWords is how decisions write a duration.
var InWords = inWords

// Codes are all codes.
func Codes() []Code { return codes }

// ChangeOf is what would have to change about a reason.
func ChangeOf(r Reason) string { return r.change() }

// Kept is how many scenes histories keep.
func Kept(h *Histories) int { return h.all.scenes }
