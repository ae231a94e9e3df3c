package source

import "github.com/bluenviron/gortsplib/v5/pkg/base"

// Mend evens out an answer.
func Mend(r *base.Response, host string) { mend(r, host) }
