package sample

import (
	"math"
	"math/rand/v2"
)

// Zipf draws from 0 to n-1, k in proportion to (head+k)^-exponent: small numbers
// most often, all alike with an exponent of 0. n and head are at least 1, the
// exponent is not negative.
//
// It is rejection-inversion, which needs no table (W. Hörmann, G. Derflinger:
// Rejection-inversion to generate variates from monotone discrete distributions,
// 1996); unlike math/rand's it takes exponents up to 1 too.
func Zipf(random *rand.Rand, exponent, head float64, n int) int {
	weight := func(k float64) float64 { return math.Pow(head+k, -exponent) }
	from := integral(head+0.5, exponent) - weight(0)
	to := integral(head+float64(n)-0.5, exponent)
	for {
		u := from + random.Float64()*(to-from)
		k := min(max(math.Round(inverse(u, exponent)-head), 0), float64(n-1))
		if u >= integral(head+k+0.5, exponent)-weight(k) {
			return int(k)
		}
	}
}

// integral is that of x^-exponent from 1 to x.
func integral(x, exponent float64) float64 {
	if exponent == 1 {
		return math.Log(x)
	}
	return (math.Pow(x, 1-exponent) - 1) / (1 - exponent)
}

// inverse is the x of which integral returns y.
func inverse(y, exponent float64) float64 {
	if exponent == 1 {
		return math.Exp(y)
	}
	return math.Pow(max(1+y*(1-exponent), 0), 1/(1-exponent))
}
