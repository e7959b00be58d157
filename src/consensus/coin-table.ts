export declare class CoinTable {}
export declare class CoinsOverlay {}
