package block

import (
	"errors"
	"fmt"
	"math"
	"time"
)

var errNull = errors.New("the value is NULL and the variable is no pointer")

// assign copies value to what into points to.
func assign(into, value any) error {
	if _, ok := value.(unsupported); ok {
		return errors.New("a type that Scan does not read")
	}
	switch into := into.(type) {
	case *any:
		*into = value
		return nil
	case *string:
		return set(into, value)
	case *bool:
		return set(into, value)
	case *float64:
		return set(into, value)
	case *[16]byte:
		return set(into, value)
	case *time.Time:
		return set(into, value)
	case *map[string]string:
		return set(into, value)
	case *int64:
		return setSigned(into, value)
	case *int:
		return setSigned(into, value)
	case *uint64:
		return setUnsigned(into, value)
	default:
		return assignNullable(into, value)
	}
}

func assignNullable(into, value any) error {
	switch into := into.(type) {
	case **string:
		return setNullable(into, value)
	case **bool:
		return setNullable(into, value)
	case **float64:
		return setNullable(into, value)
	case **[16]byte:
		return setNullable(into, value)
	case **time.Time:
		return setNullable(into, value)
	case **int64:
		return setNullable(into, value)
	case **uint64:
		return setNullable(into, value)
	default:
		return fmt.Errorf("a variable of type %T is not among those of Scan", into)
	}
}

func setNullable[T any](into **T, value any) error {
	if value == nil {
		*into = nil
		return nil
	}
	fresh := new(T)
	if err := assign(fresh, value); err != nil {
		return err
	}
	*into = fresh
	return nil
}

func set[T any](into *T, value any) error {
	typed, ok := value.(T)
	if !ok {
		return mismatch(into, value)
	}
	*into = typed
	return nil
}

func setSigned[T int | int64](into *T, value any) error {
	switch value := value.(type) {
	case int64:
		*into = T(value)
		return nil
	case uint64:
		if value > math.MaxInt64 {
			return fmt.Errorf("%d does not fit %T", value, *into)
		}
		*into = T(value)
		return nil
	default:
		return mismatch(into, value)
	}
}

func setUnsigned(into *uint64, value any) error {
	switch value := value.(type) {
	case uint64:
		*into = value
		return nil
	case int64:
		if value < 0 {
			return fmt.Errorf("%d does not fit %T", value, *into)
		}
		*into = uint64(value)
		return nil
	default:
		return mismatch(into, value)
	}
}

func mismatch(into, value any) error {
	if value == nil {
		return errNull
	}
	return fmt.Errorf("cannot be stored in %T", into)
}
