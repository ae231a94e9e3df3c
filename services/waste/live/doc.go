// Package live is the waste service as it runs in a city: it learns from fill sensors which
// containers will be full, plans the day's tours, has a person agree to them, follows what
// crews tell, and gives a broken truck's containers to others with the least change.
package live
