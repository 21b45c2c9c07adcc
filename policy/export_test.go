package policy

// DecideUnchecked decides without asking first whether all that the request
// touches is proven.
var DecideUnchecked = decide

// InWords is how decisions write a duration.
var InWords = inWords
