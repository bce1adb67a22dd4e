/** Where the encoder and the code that is compiled for whole messages change their ways: the same for both. */

/** Arrays up to this length, which fits into a byte, are written without looking for room at each element. */
export const FEW_ELEMENTS = 64;

/** From this length on it is worth looking whether an array holds nothing but numbers. */
export const FEW_NUMBERS = 8;

/** Code is compiled for messages of at most so many objects and arrays, with so many properties in all. */
export const MOST_OBJECTS = 12;
export const MOST_VALUES = 100;
